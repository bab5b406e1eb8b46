"""A hub that stops while Socket.IO clients talk to it."""

import asyncio
import json
from typing import Any

import pytest

from tests.integration.sockets.engineio_wire import Gone, Wire, wire
from tests.integration.sockets.socketio_rig import outgoing, serving

GOING_AWAY = 1001


async def _hear(client: Wire, answers: dict[int, Any], count: int | None = None) -> None:
    """Keep the acknowledgements by their number, until there are so many."""
    while count is None or len(answers) < count:
        frame = await client.frame()
        if frame.startswith("43"):
            number, bracket, answer = frame[2:].partition("[")
            [answers[int(number)]] = json.loads(bracket + answer)


async def test_what_was_acknowledged_when_the_hub_stopped_is_there(sqlite_url: str) -> None:
    answers: dict[int, Any] = {}
    async with serving(sqlite_url) as hub, wire(hub.url) as client, wire(hub.url, connect=None):
        for number in range(200):
            await client.emit(number, "note", number)
        await _hear(client, answers, count=1)
        async with asyncio.timeout(20):
            stopping = asyncio.create_task(hub.hub.stop())
            with pytest.raises(Gone) as end:
                await _hear(client, answers)
            assert end.value.code == GOING_AWAY
            await stopping
        assert hub.adapter.connections == 0
    taken = [number for number, answer in answers.items() if answer["ok"]]
    refused = {answer["code"] for answer in answers.values() if not answer["ok"]}
    assert taken == list(range(len(taken)))
    assert refused <= {"saturated"}
    async with serving(sqlite_url) as hub:
        assert (await hub.payloads())[: len(taken)] == taken
        assert len(await hub.payloads()) == len(taken)


async def test_a_client_that_does_not_listen_delays_the_stop_for_a_moment_only(sqlite_url: str) -> None:
    async with serving(sqlite_url, socketio={"send_buffer": "64MiB"}) as hub, wire(hub.url) as deaf:
        transport = deaf.socket._response.connection.transport
        transport.pause_reading()
        for _ in range(20):  # more than the sockets hold
            await hub.adapter.send(outgoing("all", "x" * 900_000))
        async with asyncio.timeout(20):
            await hub.hub.stop()
        assert hub.adapter.connections == 0
        transport.abort()

"""Clients of the hub's SignalR server: each invokes its message again, on a new connection, until that is completed.

Invariant: a message has one id over all its tries, in its body. What a client was not told it says again.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import aiohttp

from tests.faults.ledger import Ledger

AT_ONCE = 8
_PATIENCE = 60.0
_A_MESSAGE = 0.05
_END = "\x1e"


async def call(address: str, ledger: Ledger, count: int, routes: Sequence[str]) -> None:
    """Have so many messages accepted, by the routes in turns. Raises TimeoutError when the hub stays away."""
    left = iter(range(count))
    async with (
        asyncio.timeout(_PATIENCE + count * _A_MESSAGE),
        aiohttp.ClientSession() as session,
        asyncio.TaskGroup() as callers,
    ):
        for _ in range(AT_ONCE):
            callers.create_task(_call_all(session, f"{address}/signalr", ledger, left, routes))


async def _call_all(
    session: aiohttp.ClientSession, address: str, ledger: Ledger, left: Iterator[int], routes: Sequence[str]
) -> None:
    waiting: tuple[str, str] | None = None
    done = False
    while not done:
        try:
            async with session.ws_connect(address) as socket:
                await socket.send_str('{"protocol":"json","version":1}' + _END)
                await _heard(socket)
                while True:
                    if waiting is None:
                        number = next(left, None)
                        if number is None:
                            done = True
                            break
                        waiting = routes[number % len(routes)], str(uuid.uuid4())
                    if await _accepted(socket, *waiting):
                        ledger.acknowledged([waiting[1]])
                        waiting = None
        except (aiohttp.ClientError, ConnectionError):
            await asyncio.sleep(0.02)


async def _accepted(socket: aiohttp.ClientWebSocketResponse, target: str, message: str) -> bool:
    said = {"type": 1, "target": target, "arguments": [{"id": message}], "invocationId": message}
    await socket.send_str(json.dumps(said) + _END)
    while (answer := await _heard(socket)).get("invocationId") != message:
        pass
    if "error" in answer:
        assert "try again" in answer["error"], answer
        await asyncio.sleep(0.02)
        return False
    assert answer["result"]["job_id"]
    return True


async def _heard(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    """The next message. Raises ConnectionError at the connection's end."""
    frame = await socket.receive()
    if frame.type is not aiohttp.WSMsgType.TEXT:
        raise ConnectionError("the hub is gone")
    first: dict[str, Any] = json.loads(str(frame.data).split(_END)[0])
    return first

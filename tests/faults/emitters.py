"""Clients of the hub's Socket.IO server: each emits its message again, on a new connection, until that is acknowledged.

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


async def emit(address: str, ledger: Ledger, count: int, routes: Sequence[str]) -> None:
    """Have so many messages accepted, by the routes in turns. Raises TimeoutError when the hub stays away."""
    left = iter(range(count))
    async with (
        asyncio.timeout(_PATIENCE + count * _A_MESSAGE),
        aiohttp.ClientSession() as session,
        asyncio.TaskGroup() as emitters,
    ):
        for _ in range(AT_ONCE):
            emitters.create_task(_emit_all(session, address, ledger, left, routes))


async def _emit_all(
    session: aiohttp.ClientSession, address: str, ledger: Ledger, left: Iterator[int], routes: Sequence[str]
) -> None:
    waiting: tuple[str, str] | None = None
    done = False
    while not done:
        try:
            async with session.ws_connect(f"{address}/socket.io/?EIO=4&transport=websocket") as socket:
                await _heard(socket, "0{")
                await socket.send_str("40")
                await _heard(socket, "40{")
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


async def _accepted(socket: aiohttp.ClientWebSocketResponse, event: str, message: str) -> bool:
    await socket.send_str("421" + json.dumps([event, {"id": message}]))
    [answer] = json.loads(await _heard(socket, "431"))
    if not answer["ok"]:
        assert answer["retry_after"], answer
        await asyncio.sleep(0.02)
        return False
    assert answer["job_id"]
    return True


async def _heard(socket: aiohttp.ClientWebSocketResponse, beginning: str) -> Any:
    """What follows the beginning of the next packet of its kind. Raises ConnectionError at the connection's end."""
    while True:
        frame = await socket.receive()
        if frame.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionError("the hub is gone")
        if frame.data == "2":
            await socket.send_str("3")
        elif frame.data.startswith(beginning):
            return frame.data.removeprefix(beginning)
        else:
            raise ConnectionError(f"the hub does not let us in: {frame.data}")

"""Clients of the hub's Socket.IO server: an emit is accepted once it is acknowledged."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp

from tests.faults.insistent import Say, insist


@asynccontextmanager
async def _joined(session: aiohttp.ClientSession, address: str) -> AsyncIterator[Say]:
    async with session.ws_connect(f"{address}/socket.io/?EIO=4&transport=websocket") as socket:
        await _heard(socket, "0{")
        await socket.send_str("40")
        await _heard(socket, "40{")
        yield partial(_accepted, socket)


emit = partial(insist, join=_joined)


async def _accepted(socket: aiohttp.ClientWebSocketResponse, event: str, message: str) -> bool:
    await socket.send_str("421" + json.dumps([event, {"id": message}]))
    [answer] = json.loads(await _heard(socket, "431"))
    if not answer["ok"]:
        assert answer["retry_after"], answer
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

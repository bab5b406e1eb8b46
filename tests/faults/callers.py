"""Clients of the hub's SignalR server: an invocation is accepted once it is completed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp

from tests.faults.insistent import Say, insist

_END = "\x1e"


@asynccontextmanager
async def _joined(session: aiohttp.ClientSession, address: str) -> AsyncIterator[Say]:
    async with session.ws_connect(f"{address}/signalr") as socket:
        await socket.send_str('{"protocol":"json","version":1}' + _END)
        await _heard(socket)
        yield partial(_accepted, socket)


call = partial(insist, join=_joined)


async def _accepted(socket: aiohttp.ClientWebSocketResponse, target: str, message: str) -> bool:
    said = {"type": 1, "target": target, "arguments": [{"id": message}], "invocationId": message}
    await socket.send_str(json.dumps(said) + _END)
    while (answer := await _heard(socket)).get("invocationId") != message:
        pass
    if "error" in answer:
        assert "try again" in answer["error"], answer
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

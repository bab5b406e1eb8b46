"""A SignalR client that does what it is told, down to the single frame, for what no real client would send."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

RS = "\x1e"
PATIENCE = 20.0
HANDSHAKE = '{"protocol":"json","version":1}' + RS


class Gone(Exception):
    """The server closed the connection; `code` is the WebSocket's, None when it was cut."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class Wire:
    """One WebSocket; messages come out decoded."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._ready: list[Any] = []

    async def text(self, text: str) -> None:
        await self.socket.send_str(text)

    async def say(self, *messages: Mapping[str, Any]) -> None:
        """Messages in one frame."""
        await self.text("".join(json.dumps(message) + RS for message in messages))

    async def call(self, id: str | None, target: str, *arguments: Any, **more: Any) -> None:
        said = {"type": 1, "target": target, "arguments": arguments, **more}
        await self.say(said if id is None else {**said, "invocationId": id})

    async def heard(self, patience: float = PATIENCE) -> Any:
        """The next message but pings, within `patience` seconds. Raises Gone."""
        async with asyncio.timeout(patience):
            while True:
                while self._ready:
                    message = self._ready.pop(0)
                    if message.get("type") != 6:
                        return message
                frame = await self.socket.receive()
                if frame.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    raise Gone(self.socket.close_code)
                text = frame.data if isinstance(frame.data, str) else frame.data.decode()
                assert text.endswith(RS), "a frame with half a message"
                self._ready += [json.loads(one) for one in text.split(RS)[:-1]]

    async def gone(self) -> int | None:
        """The code of the close; every message before it is skipped."""
        while True:
            try:
                await self.heard()
            except Gone as end:
                return end.code


@asynccontextmanager
async def session(**options: Any) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60), **options) as made:
        yield made


@asynccontextmanager
async def wire(url: str, *, shake: bool = True, **options: Any) -> AsyncIterator[Wire]:
    """A WebSocket without negotiation, after the handshake unless told otherwise."""
    async with session() as made, made.ws_connect(url, **options) as socket:
        opened = Wire(socket)
        if shake:
            await opened.text(HANDSHAKE)
            assert await opened.heard() == {}
        yield opened


async def negotiate(made: aiohttp.ClientSession, url: str, query: str = "negotiateVersion=1", **options: Any) -> Any:
    async with made.post(f"{url}/negotiate?{query}", **options) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


def packed(message: Any) -> bytes:
    """A MessagePack message behind its length."""
    body = msgspec.msgpack.encode(message)
    size, prefix = len(body), bytearray()
    while size >= 0x80:
        prefix.append(size & 0x7F | 0x80)
        size >>= 7
    prefix.append(size)
    return bytes(prefix) + body

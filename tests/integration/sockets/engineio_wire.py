"""A Socket.IO client that does what it is told, down to the single frame, for what no real client would send."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

PATIENCE = 20.0


class Gone(Exception):
    """The server ended the connection; `code` is the WebSocket's, None when it was cut."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class Wire:
    """One WebSocket of Engine.IO."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.id = ""

    async def text(self, *texts: str) -> None:
        for text in texts:
            await self.socket.send_str(text)

    async def emit(self, id: int, *arguments: Any) -> None:
        await self.text(f"42{id}{json.dumps(arguments)}")

    async def frame(self, patience: float = PATIENCE) -> str:
        """The next frame but pings, within `patience` seconds. Raises Gone."""
        async with asyncio.timeout(patience):
            while True:
                frame = await self.socket.receive()
                if frame.type is aiohttp.WSMsgType.BINARY:
                    return f"b{frame.data!r}"
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    raise Gone(self.socket.close_code)
                if frame.data != "2":
                    return str(frame.data)

    async def answer(self, id: int) -> Any:
        """The acknowledgement of an emit; other frames are skipped."""
        while True:
            frame = await self.frame()
            if frame.startswith(f"43{id}["):
                return json.loads(frame[len(f"43{id}") :])[0]

    async def event(self) -> list[Any]:
        """The next event: its name and its arguments."""
        while True:
            frame = await self.frame()
            if frame.startswith("42["):
                event: list[Any] = json.loads(frame[2:])
                return event

    async def gone(self) -> int | None:
        """The code of the end; every frame before it is skipped."""
        while True:
            try:
                await self.frame()
            except Gone as end:
                return end.code


@asynccontextmanager
async def session(**options: Any) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20), **options) as made:
        yield made


@asynccontextmanager
async def wire(url: str, *, connect: str | None = "40", **options: Any) -> AsyncIterator[Wire]:
    """A WebSocket, in the namespace / unless told otherwise."""
    async with (
        session() as made,
        made.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket", **options) as socket,
    ):
        opened = Wire(socket)
        assert (await opened.frame()).startswith("0{")
        if connect is not None:
            await opened.text(connect)
            frame = await opened.frame()
            assert frame.startswith("40"), frame
            opened.id = json.loads(frame[2:])["sid"]
        yield opened


async def handshake(made: aiohttp.ClientSession, url: str) -> str:
    """The address of a polled session in no namespace yet."""
    async with made.get(f"{url}/socket.io/?EIO=4&transport=polling") as answer:
        assert answer.status == 200, await answer.text()
        sid = json.loads((await answer.text())[1:])["sid"]
    return f"{url}/socket.io/?EIO=4&transport=polling&sid={sid}"

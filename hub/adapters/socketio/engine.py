"""python-engineio as this adapter runs it: frames checked before they are read, queues bounded, no task left behind.

Invariant: what waits for a client is bounded by bytes; a client that reads too slowly is cut. A frame that Engine.IO
does not know ends its connection in good order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import engineio
from aiohttp import WSMsgType, web
from engineio.async_drivers import aiohttp as driver

from hub.adapters.socketio.session import SESSION, Session

_CLOSE_TIMEOUT: Final = 2.0
_LONGEST_CONTROL: Final = 6
_AN_ITEM: Final = 64
"""Bytes that a waiting packet takes beside its data."""


class Backlog(asyncio.Queue[Any]):
    """What waits for one client; `overflow` is called once, when it is more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._waiting = 0
        self._limit = limit
        self.overflow: Callable[[], None] | None = None
        super().__init__()

    def _put(self, item: Any) -> None:
        self._waiting += _size(item)
        super()._put(item)
        if self._waiting > self._limit and self.overflow is not None:
            overflow, self.overflow = self.overflow, None
            overflow()

    def _get(self) -> Any:
        item = super()._get()
        self._waiting -= _size(item)
        return item


class Frames:
    """A WebSocket, as the library's drivers are: made, called with the request, then waited for and sent to."""

    def __init__(self, handler: Callable[[Frames], Awaitable[None]], server: Engine) -> None:
        self._handler = handler
        self._socket = web.WebSocketResponse(
            max_msg_size=server.max_http_buffer_size, autoping=False, compress=False, timeout=_CLOSE_TIMEOUT
        )
        self._session: Session

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        request: web.Request = environ["aiohttp.request"]
        self._session = request[SESSION]
        await self._socket.prepare(request)
        self._session.transport = request.transport
        await self._handler(self)
        return self._socket

    async def wait(self) -> str | bytes:
        """The next frame. Raises OSError at the connection's end, and for a frame that ends it."""
        while True:
            message = await self._socket.receive()
            match message.type:
                case WSMsgType.PING:
                    await self._session.pace()
                    await self._socket.pong(message.data)
                case WSMsgType.PONG:
                    await self._session.pace()
                case WSMsgType.BINARY:
                    await self._session.pace()
                    return bytes(message.data)
                case WSMsgType.TEXT if known(message.data):
                    await self._session.pace()
                    return str(message.data)
                case _:
                    raise OSError("the connection ends")

    async def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            await self._socket.send_str(message)
        else:
            await self._socket.send_bytes(message)

    async def close(self) -> None:
        await self._socket.close(code=self._session.closing_code)


class Engine(engineio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """The library's server; `backlog` in bytes."""

    def __init__(self, *, backlog: int, **options: Any) -> None:
        self._backlog = backlog
        self._running: set[asyncio.Future[Any]] = set()
        super().__init__(async_mode="aiohttp", **options)
        self._async = {**driver._async, "websocket": Frames}

    def create_queue(self, *_: Any, **__: Any) -> Backlog:
        return Backlog(self._backlog)

    def start_background_task(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> asyncio.Future[Any]:
        task: asyncio.Future[Any] = asyncio.ensure_future(target(*args, **kwargs))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def end(self) -> None:
        """Stop what runs in the background: pings that are to come, the watch over the silent."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self.start_service_task = True

    async def close(self, session: Session, *, say: bool) -> None:
        """End a session; with `say` the client is told, behind what waits for it. Tolerates one that has ended."""
        socket = self.sockets.get(session.id)
        if socket is not None:
            await socket.close(wait=False, abort=not say)


def known(text: str) -> bool:
    """Whether a frame is one that a client of Engine.IO sends: a message of Socket.IO, or a short control packet."""
    if text[:1] == "4":
        return text[1:2] in tuple("0123456")
    return text[:1] in tuple("1235") and len(text) <= _LONGEST_CONTROL


def _size(item: Any) -> int:
    data = getattr(item, "data", None)
    return _AN_ITEM + (len(data) if isinstance(data, str | bytes) else 0)

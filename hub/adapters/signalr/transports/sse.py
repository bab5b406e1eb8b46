"""Server-Sent Events: an answer that never ends carries messages of text; the client's own come by POST.

Invariant: every line of a message is a `data` line, so that a line break inside a payload cannot end an event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from hub.adapters.signalr.connection import Connection, Kind
from hub.adapters.signalr.transports.push import Push

_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-store",
    "Pragma": "no-cache",
    "Content-Encoding": "identity",
    "X-Accel-Buffering": "no",
}


class Events(Push):
    """The carrier."""

    def __init__(self, connection: Connection, answer: web.StreamResponse, request: web.Request) -> None:
        super().__init__(connection)
        self._answer = answer
        self._request = request
        self.ended = asyncio.Event()

    async def write(self, data: bytes) -> None:
        await self._answer.write(b"".join(b"data: %b\r\n" % line for line in data.splitlines()) + b"\r\n")

    async def close(self) -> None:
        try:
            await self._answer.write_eof()
        except ConnectionError:
            # The client was quicker.
            pass
        self.ended.set()

    def abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()
        self.ended.set()

    def lost(self) -> bool:
        transport = self._request.transport
        return transport is None or transport.is_closing()


async def serve(request: web.Request, connection: Connection, now: Callable[[], float]) -> web.StreamResponse:
    """Carry the connection until one of the two ends."""
    answer = web.StreamResponse(headers=_HEADERS)
    await answer.prepare(request)
    await answer.write(b":\r\n\r\n")
    carrier = Events(connection, answer, request)
    connection.attach(carrier, Kind.SERVER_SENT_EVENTS, now())
    try:
        await carrier.ended.wait()
    finally:
        connection.detach(carrier, now(), said=True)
    await carrier.finished()
    return answer

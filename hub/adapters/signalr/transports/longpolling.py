"""Long Polling: each GET waits until there is something to answer, or its time is over; the client's own come by POST.

Invariant: at most one poll waits; a newer one ends it with 204. What waits for a client is taken off only for a poll
whose connection is still open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from hub.adapters.signalr.connection import Connection, Kind

_HEADERS = {"Content-Type": "application/octet-stream", "Cache-Control": "no-store"}


class Polls:
    """The carrier: the polls of one connection."""

    binary = True

    def __init__(self, connection: Connection, now: Callable[[], float]) -> None:
        self._connection = connection
        self._now = now
        self._waiting: asyncio.Future[bool] | None = None
        self._request: web.Request | None = None
        self.idle_since: float | None = now()
        """Since when no poll has waited."""

    def nudge(self) -> None:
        """See Carrier."""
        self._release(True)

    def abandon(self) -> None:
        """See Carrier."""
        self._release(True)

    def lost(self) -> bool:
        """See Carrier. A poll whose client hung up is over; the client may come with the next."""
        if self._request is not None and (self._request.transport is None or self._request.transport.is_closing()):
            self._release(False)
        patience = self._connection.settings.reconnect_window
        return self.idle_since is not None and self._now() - self.idle_since > patience

    async def poll(self, request: web.Request) -> tuple[web.Response, bool]:
        """The answer, and whether it is the last one."""
        self._release(False)
        connection = self._connection
        data = connection.drain()
        if not data and not connection.ended:
            if not await self._wait(request):
                return web.Response(status=204), False
            data = connection.drain()
        if data or not connection.ended:
            return web.Response(body=data, headers=_HEADERS), False
        return web.Response(status=204), True

    async def _wait(self, request: web.Request) -> bool:
        """False when another poll took its place."""
        waiting: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting = waiting
        self._request, self.idle_since = request, None
        try:
            async with asyncio.timeout(self._connection.settings.poll_timeout):
                return await waiting
        except TimeoutError:
            return True
        finally:
            if self._waiting is waiting:
                self._waiting = self._request = None
                self.idle_since = self._now()

    def _release(self, answer: bool) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(answer)


async def serve(
    request: web.Request, connection: Connection, now: Callable[[], float], over: Callable[[Connection], None]
) -> web.StreamResponse:
    """Answer one poll; `over(connection)` when it was the last. The first one opens the transport."""
    carrier = connection.carrier
    if not isinstance(carrier, Polls):
        connection.attach(Polls(connection, now), Kind.LONG_POLLING, now())
        return web.Response(headers=_HEADERS)
    answer, last = await carrier.poll(request)
    if last:
        over(connection)
    return answer

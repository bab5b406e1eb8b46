"""One connection of the server: how long a request and its answer may take, and what unreadable ones are answered.

Invariant: a connection always has a deadline: for the head and for the answer's leaving those here, for the body
`read_body`'s, between requests aiohttp's keep-alive. Bytes that are no HTTP are answered as problem+json and the
connection ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from aiohttp import StreamReader, web

from hub.adapters.http.answers import problem, problem_of_aiohttp
from hub.telemetry import get_logger

_log = get_logger("hub.http")


class Open:
    """The connections of one server, and whether it is stopping."""

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self.closing = False
        self.ended = asyncio.Event()
        """Set whenever a connection has ended."""


class Connection(web.RequestHandler):
    """`timeout` in seconds: for a request's head (from its first byte, or the connection's begin), and for sending the
    answer to a client that reads slowly."""

    __slots__ = ("_body", "_deadline", "_handling", "_open", "_timeout")

    def __init__(self, manager: web.Server, open_ones: Open, *, timeout: float, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self._open = open_ones
        self._timeout = timeout
        self._deadline: asyncio.TimerHandle | None = None
        self._handling = False
        self._body: StreamReader | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._open.connections.add(self)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        # What is left of an answered request's body is no head; aiohttp waits a while for it, then closes.
        if self._deadline is None and not self._handling and (self._body is None or self._body.is_eof()):
            self._await_head()
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._forget()
        super().connection_lost(exc)
        self._open.connections.discard(self)
        self._open.ended.set()

    @property
    def busy(self) -> bool:
        """Whether a request is being handled."""
        return self._handling

    def begin(self, body: StreamReader) -> None:
        """A request's head is there; `body` may still be on its way."""
        self._handling = True
        self._body = body
        self._forget()

    def end(self, answer: web.StreamResponse) -> None:
        """Its answer is made, and about to be sent."""
        self._handling = False
        if self._open.closing:
            answer.force_close()

    def close_when_idle(self) -> None:
        """End the connection unless a request is being handled; that one's answer will end it."""
        if not self._handling:
            self.force_close()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer; who does not read it in time loses the connection."""
        if isinstance(resp, web.HTTPException):  # aiohttp's own, before the application was asked: an unknown Expect
            resp = problem_of_aiohttp(resp)
        try:
            async with asyncio.timeout(self._timeout):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            _log.debug("an answer was not read in time", peer=str(self.peername))
            if self.transport is not None:
                self.transport.abort()
            return resp, True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What aiohttp found by itself: bytes that are no request (400), or a bug (500). The connection ends."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was already on its way")
        if isinstance(exc, UnicodeEncodeError) and "Expect" in request.headers:  # its stray bytes fit no answer
            return problem_of_aiohttp(web.HTTPExpectationFailed())
        if status >= 500:
            _log.error("a request failed in the server", status=status, exc_info=exc)
            return problem(status, "internal-error", "the hub failed; its log says why", close=True)
        _log.debug("a request could not be read", peer=str(request.remote), why=str(exc)[:200])
        first_line = (message or "").strip().splitlines()[:1]
        detail = first_line[0][:200] if first_line else "no HTTP request"
        return problem(status, "request-malformed", detail, close=True)

    def _await_head(self) -> None:
        self._deadline = asyncio.get_running_loop().call_later(self._timeout, self._too_slow)

    def _too_slow(self) -> None:
        self._deadline = None
        if not self._handling and self.transport is not None:
            _log.debug("a request's head did not arrive in time", peer=str(self.peername))
            self.transport.write(_RAW_408)
            self.force_close()

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Refusal(asyncio.Protocol):
    """A connection beyond the number that is served at once: told so, and closed."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(_RAW_503)
        transport.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._ended()


def _raw(status: str, code: str, detail: str, more: str = "") -> bytes:
    """An answer for where there is no request to answer."""
    title = status.partition(" ")[2]
    body = f'{{"type":"about:blank","title":"{title}","status":{status[:3]},"code":"{code}","detail":"{detail}"}}'
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n"
        f"{more}Connection: close\r\n\r\n{body}"
    ).encode("ascii")


_RAW_408 = _raw("408 Request Timeout", "too-slow", "the request did not arrive in time")
_RAW_503 = _raw("503 Service Unavailable", "too-many-connections", "too many connections", "Retry-After: 1\r\n")

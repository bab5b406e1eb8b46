"""One client as Engine.IO sees it: a session that namespaces share, carried by polls or a WebSocket.

Invariant: its packets are read one after another, and no faster than its rate; nothing is thrown away for being fast.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import WSCloseCode, web

from hub.ports import Identity


class Session:
    """`identity` is who the header or the query of its first request named; None where neither did."""

    __slots__ = (
        "_at",
        "_left",
        "_now",
        "_rate",
        "closing_code",
        "id",
        "identity",
        "namespaces",
        "posting",
        "timer",
        "transport",
    )

    def __init__(self, identity: Identity | None, rate: int, now: Callable[[], float]) -> None:
        self.id = ""
        self.identity = identity
        self.namespaces = 0
        self.posting = False
        self.transport: asyncio.Transport | None = None
        """Of its WebSocket."""
        self.timer: asyncio.TimerHandle | None = None
        """Runs while it is in no namespace, and when it has ended."""
        self.closing_code: int = WSCloseCode.OK
        self._rate = rate
        self._now = now
        self._left = float(rate)
        self._at = now()

    async def pace(self) -> None:
        """Wait until one more packet may be read."""
        now = self._now()
        self._left = min(self._rate, self._left + (now - self._at) * self._rate) - 1
        self._at = now
        if self._left < 0:
            await asyncio.sleep(-self._left / self._rate)

    def is_timed(self, timer: asyncio.TimerHandle | None) -> None:
        """Put `timer` in the place of the one that runs."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer = timer

    def abort(self) -> None:
        """Cut its WebSocket, whatever waits to be sent."""
        if self.transport is not None:
            self.transport.abort()


SESSION: Final = web.RequestKey("session", Session)
"""Where a request keeps its session."""

"""The write turn: who may write now, and in which order the others follow.

Invariant: one holder at a time. Those who ask urgently (the hub's own claim, finish and ingest, which hold it only for
as long as handing their work to the thread takes) go before waiting jobs; within each kind, first come, first served.
"""

from __future__ import annotations

import asyncio
from collections import deque

from hub.errors import DatabaseUnavailable


class Turn:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._held = False
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._urgent) + len(self._waiting)

    async def take(self, *, urgent: bool = False) -> None:
        """Wait for the turn; every `take` that returned is answered by one `pass_on`."""
        if self._closed:
            raise DatabaseUnavailable("the database is not open")
        if not self._held:
            self._held = True
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._waiting).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self.pass_on()  # it was handed over in the moment of the cancellation
            raise

    def pass_on(self) -> None:
        """End one's turn: the next has it from this moment."""
        while queue := self._urgent or self._waiting:
            place = queue.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._held = False

    def close(self) -> None:
        """Nobody gets a turn any more: those who wait are told that the database is not open."""
        self._closed = True
        for place in (*self._urgent, *self._waiting):
            if not place.done():
                place.set_exception(DatabaseUnavailable("the database is not open"))
        self._urgent.clear()
        self._waiting.clear()

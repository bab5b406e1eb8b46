"""The slots of job transactions on a database server: held connections under SQLAlchemy, handed from job to job.

Invariant: at most `pool` of them; a slot is lent to one job at a time, first come first served, and a slot whose
connection is in doubt is closed, never lent again. A transaction that was begun ahead is handed to a job that waits at
that moment, never kept: its now() would grow old.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from typing import Any, Generic, TypeVar

from hub.clock import Clock
from hub.db.settings import DatabaseSettings
from hub.errors import DatabaseUnavailable

_log = logging.getLogger("hub.db")


class Slot(ABC):
    """One connection, and who has it: `connection` as SQLAlchemy adapts it, `driver` as its driver made it.

    `begun`: a transaction was begun on it ahead, for the next job; `promised`: that is asked for, for a job that waits;
    `used`: a transaction may be open.
    """

    def __init__(self, connection: Any, driver: Any) -> None:
        self.connection = connection
        self.driver = driver
        self.used = False
        self.begun = False
        self.promised = False
        self.since = 0.0
        self.name = ""
        self.warned = False
        self.expired = False

    @property
    def lost(self) -> bool:
        """Whether the connection is known to be gone."""
        return self.connection.dbapi_connection is None or self.cut

    @property
    @abstractmethod
    def cut(self) -> bool:
        """Whether the driver knows that the connection is gone."""

    @abstractmethod
    async def begin(self, isolation: str | None) -> None:
        """Begin a transaction; raises DatabaseUnavailable when the connection is lost."""

    @abstractmethod
    async def isolate(self, isolation: str) -> None:
        """Give the transaction that was begun ahead, and has run nothing yet, another isolation level."""

    @abstractmethod
    async def undo(self) -> None:
        """Roll back the transaction, if one is open."""

    @abstractmethod
    def close(self) -> None:
        """Cut the connection, whatever it is doing."""


S = TypeVar("S", bound=Slot)


class Slots(ABC, Generic[S]):
    """Lends slots with a transaction begun."""

    def __init__(self, settings: DatabaseSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._idle: list[S] = []
        self._busy: set[S] = set()
        self._opening = 0
        self._promised = 0
        self._undoing: set[asyncio.Task[None]] = set()
        self._waiters: deque[asyncio.Future[S | None]] = deque()
        self._watch: asyncio.TimerHandle | None = None

    @abstractmethod
    async def open(self) -> S:
        """A slot with a new connection; raises DatabaseUnavailable."""

    def promise(self, slot: S) -> bool:
        """Whether the next transaction is to be begun on `slot` together with the end of this one: a job waits at this
        moment, and no other slot has been promised to it."""
        if len(self._waiters) <= self._promised:
            return False
        self._promised += 1
        slot.promised = True
        return True

    async def begin(self, name: str, isolation: str | None = None) -> S:
        """A slot in a transaction of its own, for the job called `name`; raises DatabaseUnavailable."""
        slot = await self._get()
        slot.name, slot.warned, slot.since = name, False, self._clock.monotonic()
        try:
            if slot.begun:
                slot.begun = False
                if isolation is not None:
                    await slot.isolate(isolation)
            else:
                slot = await self._send_begin(slot, isolation)
        except BaseException:
            self.discard(slot)
            raise
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(1.0, self._look)
        return slot

    def put(self, slot: S) -> None:
        """Take a slot back whose transaction has ended (or, with `begun`, has just begun for whoever waits)."""
        self._redeem(slot)
        slot.used = slot.begun
        waiter = self._next_waiter()
        if waiter is not None:
            slot.since = self._clock.monotonic()
            waiter.set_result(slot)
        elif slot.begun:  # whoever waited has been cancelled
            undoing = asyncio.get_running_loop().create_task(self._undo(slot))
            self._undoing.add(undoing)
            undoing.add_done_callback(self._undoing.discard)
        else:
            self._busy.discard(slot)
            self._idle.append(slot)

    def discard(self, slot: S) -> None:
        """Close a slot's connection; whoever waits may open another."""
        self._redeem(slot)
        self._busy.discard(slot)
        slot.close()
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(None)

    def _redeem(self, slot: S) -> None:
        if slot.promised:
            slot.promised = False
            self._promised -= 1

    async def _undo(self, slot: S) -> None:
        slot.begun = False
        try:
            await slot.undo()
        except Exception:
            _log.debug("a transaction begun ahead could not be undone: its connection is closed", exc_info=True)
            self.discard(slot)
        else:
            self.put(slot)

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        for slot in [*self._idle, *self._busy]:
            slot.close()
        self._idle.clear()

    async def _get(self) -> S:
        while True:
            if self._idle:
                slot = self._idle.pop()
                self._busy.add(slot)
                return slot
            if len(self._busy) + self._opening < self._settings.pool:
                return await self._open()
            waiter: asyncio.Future[S | None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                handed = await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled() and (lost := waiter.result()) is not None:
                    self.put(lost)
                raise
            if handed is not None:
                return handed

    def _next_waiter(self) -> asyncio.Future[S | None] | None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                return waiter
        return None

    async def _open(self) -> S:
        self._opening += 1
        try:
            slot = await self.open()
        finally:
            self._opening -= 1
        slot.since = self._clock.monotonic()
        self._busy.add(slot)
        return slot

    async def _send_begin(self, slot: S, isolation: str | None) -> S:
        slot.used = True
        try:
            await slot.begin(isolation)
        except DatabaseUnavailable:
            # The server may have gone away while the slot lay idle: nothing has run yet, so one fresh try is safe.
            self._busy.discard(slot)
            slot.close()
            fresh = await self._open()
            fresh.name, fresh.used = slot.name, True
            try:
                await fresh.begin(isolation)
            except BaseException:
                self.discard(fresh)
                raise
            return fresh
        return slot

    def _look(self) -> None:
        """Once a second while jobs hold transactions: name the long ones, end the endless ones."""
        self._watch = None
        now = self._clock.monotonic()
        for slot in list(self._busy):
            held = now - slot.since
            if held > self._settings.transaction_timeout:
                _log.error("job %s held its transaction for %.0f s: its connection is closed", slot.name, held)
                slot.expired = True
                slot.close()
            elif held > self._settings.transaction_warning and not slot.warned:
                slot.warned = True
                _log.warning(
                    "job %s has held its transaction for %.1f s; calls to the outside belong before job.db",
                    slot.name,
                    held,
                )
        if self._busy:
            self._watch = asyncio.get_running_loop().call_later(1.0, self._look)

"""Renews the leases of what this process holds, from a thread with a connection of its own.

Invariant: an event loop that is blocked loses no lease, until the handler that blocks it is past its deadline: from
then on its job is not renewed, and another worker takes it once the lease expires. A job that ends before a third of
its lease has passed is never renewed and costs nothing here.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from contextlib import AsyncExitStack
from typing import Any

from hub.clock import Clock
from hub.errors import HubError
from hub.ports import Database, Locks, Runner
from hub.queue.attempt import Attempt, Held, Stop
from hub.queue.ending import storable
from hub.queue.job_locks import JobLocks
from hub.queue.store import Held as HeldRow
from hub.queue.store import Store
from hub.queue.watchdog import Watchdog

_log = logging.getLogger("hub.queue")

_LOOK = 1.0
"""Seconds between two looks at the event loop: one that is blocked for twice as long is always noticed."""
_GRACE = 5.0
"""Seconds past its deadline that a handler may take to react to its cancellation."""


class Heartbeat:
    """start, stop."""

    def __init__(
        self, database: Database, store: Store, held: Held, clock: Clock, locks: JobLocks | None = None
    ) -> None:
        self._database = database
        self._store = store
        self._held = held
        self._clock = clock
        self._locks = locks
        self._lease = store.settings.lease
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watchdog: Watchdog
        self.failing = False

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._watchdog = Watchdog()
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopped.set()
            await asyncio.to_thread(thread.join, 5)

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._beat())

    async def _beat(self) -> None:
        beat = min(self._lease / 6, 5.0)
        looks = max(1, round(beat / _LOOK))
        async with AsyncExitStack() as apart:
            connection = await apart.enter_async_context(self._database.apart())
            locks = await apart.enter_async_context(self._locks.apart()) if self._locks is not None else None
            for number in itertools.count(1):
                if self._stopped.wait(beat / looks):
                    return
                try:
                    self._watchdog.look(self._held.all(), self._clock.monotonic(), _GRACE)
                    if number % looks == 0 and (due := self._due()):
                        await self._renew(connection, locks, due)
                except Exception:  # a bug must not end the heartbeat: every lease would
                    _log.exception("the heartbeat failed")
                    self.failing = True

    def _due(self) -> list[Attempt]:
        now = self._clock.monotonic()
        old = now - self._lease / 3
        return [a for a in self._held.all() if a.leased <= old and (a.deadline is None or now < a.deadline + _GRACE)]

    async def _renew(self, connection: Runner, locks: Locks | None, due: list[Attempt]) -> None:
        now = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._lease / 2):
                rows = await self._store.renew(
                    connection, [HeldRow(a.claim.id, a.claim.fence, a.share, storable(a.note)) for a in due]
                )
        except (HubError, TimeoutError) as error:
            if not self.failing:
                _log.warning("leases are not renewed: %s", str(error) or "the database does not answer")
            self.failing = True
            return
        self.failing = False
        answers = {row[0]: row for row in rows}
        for attempt in due:
            attempt.leased = now
            self._tell(attempt, answers.get(attempt.claim.id))
        if self._locks is not None and locks is not None:
            await self._locks.renew(locks, [row[0] for row in rows if row[1]])

    def _tell(self, attempt: Attempt, row: Any) -> None:
        if row is None or self._loop is None or self._held.get(attempt.claim.id) is not attempt:
            return
        if not row[1]:
            self._loop.call_soon_threadsafe(self._halt, attempt, Stop.LOST)
        elif row[2]:
            self._loop.call_soon_threadsafe(self._halt, attempt, Stop.CANCEL)

    def _halt(self, attempt: Attempt, reason: Stop) -> None:
        if self._held.get(attempt.claim.id) is attempt:
            attempt.halt(reason)

"""What a worker does beside working: promotes what is due, finds rows inserted by SQL, rescues expired leases.

Invariant: nothing here is needed for a job that the hub enqueued and that ends well; everything here makes sure that
whatever else happened, the job is found. An idle hub sends a few tiny statements a poll interval.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import msgspec

from hub.clock import Clock
from hub.errors import DatabaseUnavailable
from hub.queue.attempt import Held, Stop
from hub.queue.store import Store
from hub.queue.worker import WorkerPool
from hub.watch import Watch

_log = logging.getLogger("hub.queue")

_SWEEP_EVERY = 60.0


class UpkeepSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds; `rescue_interval` is a part of the lease, so that an expired one is noticed soon after."""

    poll_interval: float = 5.0
    rescue_interval: float = 10.0


class Upkeep:
    """start, stop; `hurry`: something may have become due or been given a time, so look at once."""

    def __init__(self, store: Store, pool: WorkerPool, held: Held, clock: Clock, settings: UpkeepSettings) -> None:
        self._store = store
        self._pool = pool
        self._held = held
        self._clock = clock
        self._settings = settings
        self._watch = Watch("upkeep", self._turn, clock, trouble="upkeep pauses", longest=settings.poll_interval)
        self._rescued_at = float("-inf")
        self._swept_at = clock.monotonic()
        self._sweep_from = ""
        self._waited_from = ""
        self._next_due: float | None = None
        self.start = self._watch.start
        self.stop = self._watch.stop
        self.hurry = self._watch.hurry

    @property
    def failing(self) -> str | None:
        """Why what is due is not found; None when it is."""
        return self._watch.failing

    def heard_job(self, queue: str) -> None:
        """A notification that `queue` has something, now or later; '' also stands for what may have been missed."""
        if queue:
            self._pool.wake((queue,))
        else:
            self._pool.wake_all()
        self.hurry()

    def heard_ready(self, queue: str) -> None:
        """`queue` ('': its rows name none) has something, and nothing was given a time."""
        self._pool.wake((queue,))

    def heard_cancel(self, job_id: str) -> None:
        attempt = self._held.get(job_id)
        if attempt is not None:
            attempt.halt(Stop.CANCEL)

    async def _turn(self) -> float:
        try:
            await self._look()
        except DatabaseUnavailable:
            self._pool.away = True
            raise
        if self.failing is not None or self._pool.away:
            self._pool.wake_all()
        return self._pause()

    async def _look(self) -> None:
        now = self._clock.monotonic()
        woken = await self._until_done(self._promote)
        if now - self._rescued_at >= self._settings.rescue_interval:
            woken |= await self._until_done(self._rescue)
            await self._unpark()
            await self._store.tend()
            self._rescued_at = now
        if now - self._swept_at >= _SWEEP_EVERY:
            woken |= await self._sweep()
        woken |= await self._store.ready()
        self._pool.wake(woken)
        self._next_due = await self._store.seconds_until_due()

    def _pause(self) -> float:
        """Until the next poll, or the next due time."""
        pause = min(self._settings.poll_interval, max(0.05, self._settings.rescue_interval))
        return pause if self._next_due is None else min(pause, max(0.0, self._next_due))

    async def _until_done(self, step: Callable[[], Awaitable[set[str]]]) -> set[str]:
        woken: set[str] = set()
        while found := await step():
            woken |= found
        return woken

    async def _promote(self) -> set[str]:
        return set(await self._store.promote())

    async def _unpark(self) -> None:
        """Go on after children that ended in another way than here, or before a crash; soon due, like any time. Once
        around those who wait, a page a look."""
        parents, following = await self._store.waited_for(self._waited_from)
        self._waited_from = following or ""
        if parents and await self._store.unpark(parents):
            self.hurry()

    async def _rescue(self) -> set[str]:
        rescued = await self._store.rescue()
        keys = {one.orderingkey for one in rescued if one.orderingkey is not None}
        for one in rescued:
            _log.warning(
                "job %s: the lease of worker %s expired; %s", one.id, one.leaseowner,
                "it has killed too many workers and is a dead letter now" if one.poison else "queued again",
            )  # fmt: skip
        if keys:
            await self._store.release(keys)
        return {one.queue for one in rescued}

    async def _sweep(self) -> set[str]:
        """Once around the keys, a page a minute while there are more."""
        following, woken = await self._store.sweep(self._sweep_from)
        self._sweep_from = following or ""
        if following is None:
            self._swept_at = self._clock.monotonic()
        return woken

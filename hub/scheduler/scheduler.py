"""The scheduler of one instance: awake when something is due, when something was changed, and now and then.

Invariant: it keeps nothing that the database does not know, so that any number of instances may run it, and one that
was stopped or killed anywhere leaves nothing to be put right.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime

import msgspec

from hub.clock import Clock
from hub.db.probe import Probe
from hub.ports import Database
from hub.scheduler.conditions import Conditions
from hub.scheduler.control import Control
from hub.scheduler.materialize import Materializer, TickSettings
from hub.scheduler.schedules import Schedule, Schedules
from hub.scheduler.store import ScheduleStore
from hub.watch import Watch

_log = logging.getLogger("hub.scheduler")

CHANNEL = "hub_schedules"
# What is to be done and was not is in somebody else's hands: look again soon, not at once.
_SOON = 0.05


class SchedulerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`check_interval` (s) is the safety net behind notifications; `run`: whether schedules fire in this process."""

    run: bool = True
    check_interval: float = 60.0
    tick: TickSettings = TickSettings()


class Scheduler:
    """start, stop; `changed` looks at once. `now` says what time it is: the database's clock, unless a test does."""

    def __init__(
        self,
        database: Database,
        probe: Probe,
        woken: Callable[[Iterable[str]], None],
        clock: Clock,
        settings: SchedulerSettings,
        now: Callable[[], Awaitable[datetime]] | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._store = ScheduleStore(database)
        self._schedules = Schedules(database)
        self._control = Control(database, clock)
        self._now = now or self._store.now
        self._materializer = Materializer(self._store, clock, woken, settings.tick)
        self._conditions = Conditions(self._store, self._materializer, probe, self.changed)
        self._watch = Watch("scheduler", self._look, clock, trouble="schedules do not fire")
        self._next: datetime | None = None
        self._stopped_due = -math.inf

    async def start(self, schedules: Mapping[str, Schedule] | None = None) -> None:
        """Bring the table in step with the configuration's `schedules` (None: leave it), and begin.

        The database is started already. Raises DatabaseUnavailable.
        """
        if not self._settings.run or self._watch.running:
            return
        if schedules is not None:
            await self.follow(schedules)
        await self._database.listen(CHANNEL, lambda _: self.changed())
        self._watch.start()

    async def stop(self) -> None:
        """Fires under way are written or not, whole; tolerates never-started and twice."""
        await self._watch.stop()
        await self._conditions.stop()

    def changed(self) -> None:
        """Rows of `jobs` may have been written: look at once."""
        self._watch.hurry()

    async def follow(self, schedules: Mapping[str, Schedule]) -> None:
        """Bring the rows that the configuration owns in step with it; those it has no more are disabled."""
        for name in await self._schedules.follow(schedules):
            _log.warning(
                "schedule %s of the configuration is left out: a row of that name is in the table already", name
            )
        self.changed()

    async def upcoming(self, job_id: str, count: int = 5) -> list[datetime]:
        """The next times a schedule (by id or name) would fire, as it stands; none if it is off or over.

        Raises NotFound, and Rejected for a row that says no times.
        """
        return await self._control.upcoming(job_id, count, await self._now())

    @property
    def failing(self) -> str | None:
        """Why schedules do not fire; None when they do."""
        return self._watch.failing

    def state(self) -> dict[str, object]:
        """What this process does about schedules, for /health and `hub status`."""
        return {
            "running": self._watch.running,
            "next": self._next.isoformat() if self._next is not None else None,
            "fired": self._materializer.fired,
            "failing": self.failing,
        }

    async def tick(self) -> float:
        """Plan and fire what there is; the seconds until there is something again, at most the check interval."""
        now = await self._now()
        if self._clock.monotonic() >= self._stopped_due:
            await self._materializer.plan_stopped(now)
            self._stopped_due = self._clock.monotonic() + self._settings.check_interval
        planned = await self._materializer.plan(now)
        fired = await self._materializer.fire(now)
        await self._conditions.look(now)
        if planned or fired:
            return 0.0
        self._next = await self._store.next(now)
        # Whoever holds a row that is to be planned need not say when it is free.
        longest = min(self._settings.check_interval, _SOON if planned is None else math.inf)
        if self._next is None:
            return longest
        left = (self._next - now).total_seconds()
        return min(left if left > 0 else _SOON, longest)

    async def settled(self) -> None:
        """Wait for the conditions that are being asked."""
        await self._conditions.settled()

    async def _look(self) -> float:
        began = self._clock.monotonic()
        return await self.tick() - (self._clock.monotonic() - began)

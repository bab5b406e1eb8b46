"""Task recovery: runs that were left incomplete are found, at the start and now and then, and brought to their end.

Invariant: nothing here is needed for a run whose tasks end well. What it writes is written behind what the run said
when it was looked at, so that any number of instances may look.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from hub.clock import Clock
from hub.errors import HubError
from hub.handlers.registry import Registry
from hub.ports import Database
from hub.queue.store import Store
from hub.scheduler.runs import Look, Runs
from hub.scheduler.task_handlers import TaskEntries, handlers
from hub.scheduler.task_jobs import key_of
from hub.scheduler.tasks import METHOD, Interval
from hub.telemetry import get_logger
from hub.watch import Watch

_log = get_logger("hub.recovery")

_PAGE = 500
_SOONEST, _LATEST = 0.02, 2.0


class RecoverySettings(msgspec.Struct, frozen=True, kw_only=True):
    """`check_interval` (s): how often incomplete runs are looked for. `max_attempts`: recoveries of one run."""

    enabled: bool = True
    check_interval: float = 300.0
    max_attempts: int = 3


def install(
    database: Database,
    registry: Registry,
    store: Store,
    woken: Callable[[Iterable[str]], None],
    clock: Clock,
    settings: RecoverySettings,
) -> Recovery:
    """Task recovery put into a hub: `system.tasks`, the entries that run tasks, and the watch over their runs."""
    runs = Runs(database, clock, woken, settings.max_attempts)

    async def go_on(keys: Sequence[str]) -> None:
        woken(await store.release(keys))

    recovery = Recovery(runs, go_on, clock, settings)
    registry.add(*handlers(runs, clock, enabled=settings.enabled))
    registry.vary(METHOD, TaskEntries(runs, clock, recovery).of)
    return recovery


class Recovery:
    """start, stop; `suspect` is told of schedules whose run may have changed other than by a task's completion."""

    def __init__(
        self, runs: Runs, go_on: Callable[[Sequence[str]], Awaitable[None]], clock: Clock, settings: RecoverySettings
    ) -> None:
        self._runs = runs
        self._go_on = go_on
        self._clock = clock
        self._settings = settings
        self._suspects: dict[str, float] = {}
        self._seen: dict[str, str] = {}
        self._watch = Watch("recovery", self._turn, clock, trouble="runs are not recovered")
        self._checked: datetime | None = None
        self._due = -math.inf
        self._startup = True
        self._incomplete = 0

    def start(self) -> None:
        """Begin with a check. The database is started already."""
        if self._settings.enabled and not self._watch.running:
            self._due, self._startup = -math.inf, True
            self._watch.start()

    async def stop(self) -> None:
        """Tolerates never-started and twice."""
        await self._watch.stop()

    def suspect(self, schedule: str) -> None:
        """An attempt at a task of its run has ended badly, or the run has ended: look once that is written."""
        if not self._suspects:  # else it looks soon
            self._watch.hurry()
        self._suspects[schedule] = _SOONEST

    @property
    def failing(self) -> str | None:
        """Why runs are not recovered; None when they are."""
        return self._watch.failing

    def state(self) -> dict[str, Any]:
        """What this process knows of recovery, for /health and `hub status`."""
        return {
            "enabled": self._settings.enabled,
            "running": self._watch.running,
            "incomplete": self._incomplete,
            "recovered": self._runs.recovered,
            "failed": self._runs.failed,
            "last_check": self._checked.isoformat() if self._checked is not None else None,
            "failing": self.failing,
        }

    async def check(self, *, startup: bool = False) -> int:
        """Look at every run that has not ended; answers how many there were."""
        if startup:
            _log.info("Starting recovery check on startup...")
        found: list[tuple[str, str]] = []
        while page := await self._runs.open(found[-1][0] if found else "", _PAGE):
            found += page
        self._incomplete, self._checked = len(found), self._clock.now()
        if found and startup:
            _log.info(f"Found {len(found)} jobs with incomplete intervals")
        if found:
            # A process that died right after a commit has told the next task nothing.
            await self._go_on([key_of(interval_id) for _, interval_id in found])
        for schedule, interval_id in found:
            try:
                look = await self._look(schedule)
                goes_on = look.interval is not None and look.interval.open
                if goes_on and (look.finding.interrupted or startup):
                    _log.info(f"Scheduled recovery for job {schedule}, interval {interval_id}")
            except Exception as error:  # of one run, whose row anybody may write: the others go on
                _log.error(f"Recovery failed for job {schedule}: {error}", exc_info=not isinstance(error, HubError))
        return len(found)

    async def _look(self, schedule: str) -> Look:
        look = await self._runs.look(schedule)
        interval = look.interval
        if interval is not None and not interval.open and interval.error is None:
            self._tell_end(interval)
        return look

    async def _ask_suspects(self) -> None:
        for schedule, patience in list(self._suspects.items()):
            look = await self._look(schedule)
            if look.interval is None:
                await self._tell_of_last(schedule)
            if look.finding.unsettled and patience < _LATEST:
                # Who suspects it has not written its end yet: a moment, then longer ones.
                self._suspects[schedule] = patience * 2
            elif self._suspects.get(schedule) == patience:
                del self._suspects[schedule]

    async def _tell_of_last(self, schedule: str) -> None:
        """The run has ended with the completion of its last task, whose transaction said so."""
        held = await self._runs.read(schedule)
        last = held.last if held is not None else None
        if last is not None and last.error is None:
            self._tell_end(last)

    def _tell_end(self, interval: Interval) -> None:
        if self._seen.get(interval.job_id) != interval.interval_id:
            self._seen = {interval.job_id: interval.interval_id}
            _log.info(f"All tasks completed for interval {interval.interval_id}")

    async def _turn(self) -> float:
        if self._clock.monotonic() >= self._due:
            await self.check(startup=self._startup)
            self._startup = False
            self._due = self._clock.monotonic() + self._settings.check_interval
        await self._ask_suspects()
        return min(max(0.0, self._due - self._clock.monotonic()), *self._suspects.values(), math.inf)

"""Ticks of the hub's scheduler, one after another, under a clock that goes on by a second before each.

Invariant: a tick is the scheduler's own, whole: what was changed, what is due, its fires, and when to wake up next.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from benchmarks.figures import percentile
from benchmarks.roles import hub
from benchmarks.roles.wire import Meter, Wire
from hub.db.probe import open_probe
from hub.scheduler.scheduler import Scheduler, SchedulerSettings

_WARM = 20


async def run(wire: Wire, *, url: str, begin: str, ticks: int) -> None:
    """`begin` (RFC 3339): one second before the first schedules are due. Ticks that warm up come before the measured
    ones. Answers also how many schedules fired in the measured ones, and the median of their ticks in milliseconds."""
    at = datetime.fromisoformat(begin)

    async def now() -> datetime:
        return at

    def woken(_: Iterable[str]) -> None:
        """Nobody works here."""

    async with hub.started(url) as database:
        scheduler = Scheduler(database, open_probe(url), woken, hub.CLOCK, SchedulerSettings(), now)
        for _ in range(_WARM):
            at += timedelta(seconds=1)
            await scheduler.tick()
        await wire.ready()
        before, each = _fired(scheduler), []
        meter = Meter()
        for _ in range(ticks):
            at += timedelta(seconds=1)
            began = time.perf_counter()
            await scheduler.tick()
            each.append(time.perf_counter() - began)
        told = meter.read()
        await wire.done({"fired": _fired(scheduler) - before, "p50": percentile(each, 0.5) * 1000, **told})


def _fired(scheduler: Scheduler) -> int:
    fired = scheduler.state()["fired"]
    assert isinstance(fired, int)
    return fired

"""One tick: rows that are due become fires and move on; rows that were made or changed are given their next time.

Invariant: a row that cannot be read, planned or written is disabled with its error in view, and the others go on: what
fails as a batch is tried row by row.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from hub.clock import Clock
from hub.errors import AlreadyExists, Rejected
from hub.scheduler.definition import Row, first_fire, spec_of
from hub.scheduler.policy import Policy, decide
from hub.scheduler.store import Fire, Planned, ScheduleStore

_log = logging.getLogger("hub.scheduler")
_T = TypeVar("_T")
_Ready = tuple[Row, list[Fire]]
# Besides what is refused: arithmetic at the ends of the calendar. It is one row's fault, and must stop no other.
_UNFIT = (Rejected, ArithmeticError, ValueError)


class TickSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`batch`: rows a statement; `grace` and `bound` as in hub.scheduler.policy.Policy."""

    batch: int = 500
    grace: float = 60.0
    bound: int = 100


class Materializer:
    """`woken` is called with the queues that got rows ('' where they name none, or wait for their time)."""

    def __init__(
        self, store: ScheduleStore, clock: Clock, woken: Callable[[Iterable[str]], None], settings: TickSettings
    ) -> None:
        self._store = store
        self._clock = clock
        self._woken = woken
        self._settings = settings
        self.fired = 0

    # --- planning -----------------------------------------------------------------------------------------------------

    async def plan(self, now: datetime) -> bool | None:
        """Plan a batch of rows that were made or changed; whether there may be more (None: in somebody's hands)."""
        rows = await self._store.changed(self._settings.batch)
        plans = [_planned(row, now) for row in rows]
        written = await self._each(plans, self._write_plans, _target) if plans else 0
        if rows and not written:
            return None
        return len(rows) == self._settings.batch or written < len(rows)

    async def plan_stopped(self, now: datetime) -> None:
        """Plan the rows anew whose next time somebody has set to NULL. Reads the table whole: not at each tick."""
        after = ""
        while rows := await self._store.stopped(now, after, self._settings.batch):
            plans = [plan for row in rows if (plan := _planned(row, now)).following is not None]
            if plans:
                await self._store.plan(plans, anew=True)
            after = rows[-1].id

    async def _write_plans(self, plans: Sequence[Planned]) -> int:
        written = await self._store.plan(plans)
        for plan in plans:
            if not plan.sound:
                _log.warning("schedule %s is disabled: %s", plan.id, plan.lasterror)
        return written

    async def disable(self, row: Row, why: str) -> None:
        """Turn a row off, with the reason in view, unless it was changed meanwhile."""
        await self._disable(row.id, row.revision, why)

    async def _disable(self, job_id: str, revision: int, why: str) -> None:
        _log.warning("schedule %s is disabled: %s", job_id, why)
        await self._store.plan([Planned(job_id, revision, None, why[:2000], False)], anew=True)

    # --- firing -------------------------------------------------------------------------------------------------------

    async def fire(self, now: datetime) -> bool:
        """Fire a batch of what is due and asks nothing first; whether there may be more."""
        rows = await self._store.due(now, self._settings.batch)
        moved = await self.fire_rows(rows, now)
        return len(rows) == self._settings.batch and moved > 0

    async def fire_rows(
        self, rows: Sequence[Row], now: datetime, *, skip: bool = False, error: str | None = None
    ) -> int:
        """Make the fires of these rows and move them on (`skip`: only move, with `error` in view); how many moved."""
        ready: list[_Ready] = []
        for row in rows:
            try:
                fires = self._fires(row, now, skip=skip, error=error)
            except _UNFIT as fault:
                await self.disable(row, str(fault))
                continue
            if fires:
                ready.append((row, fires))
        moved = 0
        for part in _parted(ready, self._settings.batch):
            moved += await self._each(part, self._write_fires, _target_of_fires)
        return moved

    def _fires(self, row: Row, now: datetime, *, skip: bool, error: str | None) -> list[Fire]:
        spec, due = spec_of(row, now), row.nextrunat
        if due is None:
            return []
        policy = Policy(
            misfire=row.misfire,
            overlap=row.overlap,
            end=row.endat,
            left=row.left,
            grace=self._settings.grace,
            bound=self._settings.bound,
        )
        decision = decide(spec, due, now, policy)
        times = [] if skip else decision.fires
        if not times and not skip and row.left != 0:
            _log.warning("schedule %s missed its time %s, and goes on at %s", row.id, due, decision.following)
        base = Fire(row.id, row.revision, due, decision.following, error, source=row.source)
        return [self._fire(base, row, at, now) for at in times] or [base]

    def _fire(self, base: Fire, row: Row, at: datetime, now: datetime) -> Fire:
        start = at + timedelta(seconds=self._clock.random() * row.jitter) if row.jitter > 0 else now
        return replace(
            base,
            fireid=self._clock.new_id(),
            firetime=at,
            # Of one length, so that the order of the texts is the order in time.
            dedupekey=f"{at:%Y-%m-%dT%H:%M:%S.%fZ}",
            scheduledat=start if start > now else None,
            orderingkey=row.source if row.overlap == "queue" else None,
        )

    async def _write_fires(self, ready: Sequence[_Ready]) -> int:
        moved = await self._store.fire([fire for _, fires in ready for fire in fires])
        woken: set[str] = set()
        for row, fires in ready:
            made = moved.get(row.id, row.executioncount) - row.executioncount
            if made > 0:
                self.fired += made
                woken |= {"" if fire.scheduledat is not None else row.queue or "" for fire in fires}
        if woken:
            self._woken(woken)
        return len(moved)

    async def _each(
        self,
        batch: Sequence[_T],
        write: Callable[[Sequence[_T]], Awaitable[int]],
        target: Callable[[_T], tuple[str, int]],
    ) -> int:
        """Write a batch; what the database refuses is halved until the row at fault is found, and that is disabled."""
        try:
            return await write(batch)
        except (Rejected, AlreadyExists) as refused:
            if len(batch) == 1:
                await self._disable(*target(batch[0]), f"the database refuses its job: {refused}")
                return 1
        middle = len(batch) // 2
        first = await self._each(batch[:middle], write, target)
        return first + await self._each(batch[middle:], write, target)


def _planned(row: Row, now: datetime) -> Planned:
    if not row.live:
        return Planned(row.id, row.revision, None)
    try:
        return Planned(row.id, row.revision, first_fire(row, now))
    except _UNFIT as fault:
        return Planned(row.id, row.revision, None, str(fault)[:2000], False)


def _parted(ready: Sequence[_Ready], most: int) -> Iterator[list[_Ready]]:
    """These rows in parts of at most `most` fires, a row with more of them by itself: a statement must not grow with
    what was missed."""
    part: list[_Ready] = []
    held = 0
    for row, fires in ready:
        if part and held + len(fires) > most:
            yield part
            part, held = [], 0
        part.append((row, fires))
        held += len(fires)
    if part:
        yield part


def _target(plan: Planned) -> tuple[str, int]:
    return plan.id, plan.revision


def _target_of_fires(ready: _Ready) -> tuple[str, int]:
    return ready[0].id, ready[0].revision

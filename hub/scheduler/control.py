"""What people do with schedules beside editing them: look, pause, resume, run now, ask for the next times.

Invariant: works with or without a scheduler in this process; whichever scheduler there is sees the change by itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hub.clock import Clock
from hub.db.statement import load
from hub.errors import NotFound
from hub.ports import Database, Statement
from hub.scheduler.calendar import OnceSpec, fires
from hub.scheduler.definition import first_fire, instant, spec_of
from hub.scheduler.store import ScheduleStore

_MOMENTS = ("startat", "endat", "lastrunat", "nextrunat")


class Control:
    """Schedules are named by their id, or else by their name; all methods raise NotFound for neither."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._store = ScheduleStore(database)

    def _load(self, name: str) -> Statement:
        return load("hub.scheduler", self._database.dialect, name)

    async def page(self, after: str = "", limit: int = 200) -> list[dict[str, Any]]:
        """A page of schedules in the order of their names, behind `after`: the columns by name, times as datetimes."""
        rows = await self._database.read(self._load("list"), after=after, limit=limit)
        return [{name: _value(name, row[name]) for name in row.keys()} for row in rows]  # noqa: SIM118 - a row's iterator gives values

    async def pause(self, job_id: str, *, actor: str) -> str:
        """Stop a schedule until it is resumed; its id."""
        return await self._enable(job_id, False, actor)

    async def resume(self, job_id: str, *, actor: str) -> str:
        """Let a schedule go on from now; what it missed meanwhile is not made up. Its id."""
        return await self._enable(job_id, True, actor)

    async def run(self, job_id: str, *, actor: str) -> tuple[str, str]:
        """Make one job of a schedule now, also of a paused one; the job's id and its queue ('': it names none)."""
        made = self._clock.new_id()
        rows = await self._database.run(self._load("run"), id=job_id, jobid=made, actor=actor)
        if not rows:
            raise _unknown(job_id)
        return made, rows[0]["queue"]

    async def upcoming(
        self, job_id: str, count: int = 5, now: datetime | None = None, *, anew: bool = False
    ) -> list[datetime]:
        """The next times a schedule would fire, as it stands; none if it is off or over. `anew`: whatever is planned is
        what it said before.

        Raises Rejected for a row that says no times.
        """
        row, now = await self._store.one(job_id), now or await self._store.now()
        first = first_fire(row, now) if row.live else None
        if first is None:
            return []
        # What is planned holds, unless it is past.
        first = row.nextrunat if not anew and row.nextrunat is not None and row.nextrunat > now else first
        spec = spec_of(row, now)
        found = [first] if isinstance(spec, OnceSpec) else [first, *fires(spec, first, count - 1)]
        found = [at for at in found if row.endat is None or at <= row.endat]
        return found[: count if row.left is None else min(count, row.left)]

    async def _enable(self, job_id: str, enabled: bool, actor: str) -> str:
        rows = await self._database.run(self._load("enable"), id=job_id, enabled=enabled, actor=actor)
        if not rows:
            raise _unknown(job_id)
        found: str = rows[0]["id"]
        return found


def _unknown(job_id: str) -> NotFound:
    return NotFound(f"there is no schedule {job_id!r}")


def _value(name: str, value: Any) -> Any:
    if name not in _MOMENTS:
        return value
    try:
        return instant(value)
    except (ValueError, OverflowError):
        return None  # what it says is no time; lasterror tells

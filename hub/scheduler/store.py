"""The scheduler's statements: what is due, what has changed, and the one that makes fires and moves schedules on.

Invariant: every write names what the row said when it was read; a row that says something else by now is left alone.
Times come in as parameters, so that whoever calls decides what time it is; `now` is the database's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from hub.db.statement import load
from hub.errors import NotFound
from hub.ports import Database, Statement
from hub.scheduler.definition import Row, instant, read


class Planned(msgspec.Struct, frozen=True):
    """When a row fires next, or why it is to be disabled."""

    id: str
    revision: int
    following: datetime | None
    lasterror: str | None = None
    sound: bool = True


class Fire(msgspec.Struct, frozen=True):
    """One row to be made, and with the first one of a schedule where that goes next; `fireid` None: only that.

    In the order of the statement's columns.
    """

    id: str
    revision: int
    was: datetime
    following: datetime | None
    lasterror: str | None = None
    fireid: str | None = None
    firetime: datetime | None = None
    source: str | None = None
    dedupekey: str | None = None
    scheduledat: datetime | None = None
    orderingkey: str | None = None


class ScheduleStore:
    """All methods raise the database's errors as hub.errors has them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _load(self, name: str) -> Statement:
        return load("hub.scheduler", self._database.dialect, name)

    async def now(self) -> datetime:
        """The time by the database's clock."""
        rows = await self._database.read(self._load("now"))
        return instant(rows[0]["now"]) or datetime.now(UTC)

    async def changed(self, limit: int) -> list[Row]:
        """Rows that nobody has planned as they are now."""
        return [read(record) for record in await self._database.read(self._load("changed"), limit=limit)]

    async def due(self, now: datetime, limit: int, *, asking: bool = False) -> list[Row]:
        """Rows whose time has come, the longest due first: those without a condition, or (`asking`) those with one."""
        # On SQLite the writer: it is about to write these pages, and remembers those of before.
        statement = self._load("due_asking" if asking else "due")
        return [read(record) for record in await self._database.run(statement, now=now, limit=limit)]

    async def stopped(self, now: datetime, after: str, limit: int) -> list[Row]:
        """A page of the rows, behind the id `after`, whose next time somebody has set to NULL."""
        rows = await self._database.read(self._load("stopped"), now=now, after=after, limit=limit)
        return [read(record) for record in rows]

    async def next(self, now: datetime) -> datetime | None:
        """When the next row is due, those with a condition that are due already left out."""
        (row,) = await self._database.read(self._load("next"), now=now)
        times = [_near(value) for value in (row["plain"], row["asking"]) if value is not None]
        return min(times, default=None)

    async def one(self, job_id: str) -> Row:
        """The row with this id, or else with this name; raises NotFound."""
        rows = await self._database.read(self._load("one"), id=job_id)
        if not rows:
            raise NotFound(f"there is no schedule {job_id!r}")
        return read(rows[0])

    async def plan(self, plans: Sequence[Planned], *, anew: bool = False) -> int:
        """Write when rows fire next; how many were as expected. `anew`: also those that are planned already."""
        rows = [(p.id, p.revision, p.following, p.lasterror, p.sound) for p in plans]
        return len(await self._database.run(self._load("plan"), rows, anew=anew))

    async def fire(self, fires: Sequence[Fire]) -> dict[str, int]:
        """Make the fires and move their schedules on, in one transaction; id → executions of those that moved."""
        rows = [tuple(getattr(fire, name) for name in Fire.__struct_fields__) for fire in fires]
        answer = await self._database.run(self._load("fire"), rows)
        return {row[0]: row[1] for row in answer if row[0] is not None}


def _near(value: object) -> datetime:
    try:
        return instant(value) or datetime.now(UTC)
    except (ValueError, OverflowError):
        return datetime.now(UTC)  # whatever that is: look at the row

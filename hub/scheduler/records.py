"""The table `jobs` as it is read and edited from outside: one row, a page, a new one, a change, a deletion.

Invariant: a change is written only over the row that its author saw. What says when a job fires is checked before it is
written: what stands here afterwards can be planned.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from hub.clock import Clock
from hub.db.statement import load
from hub.errors import Conflict, NotFound
from hub.ports import Database, Statement
from hub.scheduler.definition import Row, instant, spec_of

_MOMENTS = ("startat", "nextrunat", "lastrunat", "interval_started_at", "createdon", "modifiedon")
_FLAGS = ("enabled", "enable_recovery")


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """What a row says; `payload` and `metadata` are JSON text (a payload may be any text), `timeout` is in seconds."""

    name: str
    handler: str
    cronexpression: str | None = None
    intervalseconds: int | None = None
    startat: datetime | None = None
    maxexecutions: int = 0
    enabled: bool = True
    priority: int = 0
    maxretries: int | None = None
    timeout: float = 300.0
    metadata: str | None = None
    enable_recovery: bool = True
    payload: str | None = None
    timezone: str = "UTC"

    def check(self, now: datetime) -> None:
        """Raises Rejected with the column at fault, if this says no times."""
        row = Row(
            id="",
            revision=0,
            live=True,
            cronexpression=self.cronexpression,
            intervalseconds=self.intervalseconds,
            startat=self.startat,
            endat=None,
            timezone=self.timezone,
            misfire="once",
            overlap="allow",
            jitter=0.0,
            timeout=self.timeout,
            maxretries=self.maxretries,
            maxexecutions=self.maxexecutions,
            executioncount=0,
            condition=None,
            queue=None,
            lastrunat=None,
            nextrunat=None,
        )
        spec_of(row, now)


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """None asks for nothing. `status` in the words of `state`: active, processing, paused, completed, failed."""

    type: str | None = None
    status: str | None = None
    workspace: str | None = None
    incomplete: bool = False


class JobRecords:
    """Rows are answered as mappings: the columns' names, `state`, and `fireerror`, why the last fire did not end well.

    All methods raise the database's errors as hub.errors has them.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def _load(self, name: str) -> Statement:
        return load("hub.scheduler", self._database.dialect, name)

    async def show(self, job_id: str) -> dict[str, Any]:
        """One row. Raises NotFound."""
        rows = await self._database.read(self._load("job_show"), id=job_id)
        if not rows:
            raise _unknown(job_id)
        return _record(rows[0])

    async def page(self, asked: Filter, *, skip: int, limit: int) -> tuple[list[dict[str, Any]], int]:
        """The rows behind the first `skip` ones, the newest first, and how many there are in all."""
        wanted = msgspec.structs.asdict(asked)
        (counted,) = await self._database.read(self._load("job_count"), **wanted)
        rows = await self._database.read(self._load("job_page"), **wanted, skip=skip, limit=limit)
        return [_record(row) for row in rows], int(counted["total"])

    async def create(self, definition: Definition, *, actor: str) -> str:
        """A new row's id. Raises Rejected for what cannot be planned, AlreadyExists for a name that is taken."""
        definition.check(self._clock.now())
        made = self._clock.new_id()
        await self._database.run(self._load("job_create"), id=made, actor=actor, **msgspec.structs.asdict(definition))
        return made

    async def update(self, job_id: str, version: int, definition: Definition, *, actor: str) -> None:
        """Write over the row of that version. Raises as `create` does, and Conflict if somebody else has changed it."""
        definition.check(self._clock.now())
        values = msgspec.structs.asdict(definition)
        if not await self._database.run(self._load("job_update"), id=job_id, version=version, actor=actor, **values):
            raise Conflict(f"job {job_id!r} was changed meanwhile: read it again")

    async def delete(self, job_id: str, *, actor: str) -> None:
        """It fires no more and is shown no more; the row stays. Raises NotFound."""
        if not await self._database.run(self._load("job_delete"), id=job_id, actor=actor):
            raise _unknown(job_id)


def _record(row: Any) -> dict[str, Any]:
    found = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a row's iterator gives values
    for name in _MOMENTS:
        found[name] = _instant(found[name])
    for name in _FLAGS:
        found[name] = bool(found[name])
    return found


def _instant(value: Any) -> datetime | None:
    try:
        found = instant(value)
    except (ValueError, OverflowError):
        return None  # what it says is no time; lasterror tells
    return None if found is None else found.astimezone(UTC)


def _unknown(job_id: str) -> NotFound:
    return NotFound(f"there is no job {job_id!r}")

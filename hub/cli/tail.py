"""`hub jobs tail`: attempts as they end.

Invariant: each end is shown once, in the order of its commit as far as the database tells it. Ends become visible a
little after the time they carry, so each look goes back some seconds and leaves out what was shown.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from rich.text import Text

from hub.cli.job_view import took
from hub.cli.show import errors, first_line, output, status_text
from hub.db.sqlite.instants import from_text
from hub.db.statement import load
from hub.errors import DatabaseUnavailable
from hub.ports import Database

_EVERY = 0.5
_BACK = timedelta(seconds=5)
_RECENT = 10_000
"""An attempt that ends after so many others began since it did is not noticed: what bounds the work of a look."""


class End(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that ended; `duration` in milliseconds."""

    id: str
    jobid: str
    handler: str
    queue: str
    statusid: int
    completedat: datetime
    duration: int | None
    errormessage: str | None
    retryattempt: int
    executedby: str | None


class Ends:
    """What ended since the last look; `only` holds status, handler and queue, None for any."""

    def __init__(self, database: Database, only: Mapping[str, Any]) -> None:
        self._database = database
        self._statement = load("hub.cli", database.dialect, "ends")
        self._only = only
        self._latest: datetime | None = None
        self._shown: dict[str, datetime] = {}

    async def last(self, count: int) -> list[End]:
        """The last `count` ends: where following begins."""
        found = await self._look(None, max(1, count))
        self._remember(found)
        return found[-count:] if count else []

    async def new(self) -> list[End]:
        """What ended since, the earliest first."""
        after = None if self._latest is None else self._latest - _BACK
        found = [end for end in await self._look(after, _RECENT) if end.id not in self._shown]
        self._remember(found)
        return found

    async def _look(self, after: datetime | None, limit: int) -> list[End]:
        rows = await self._database.read(self._statement, after=after, limit=limit, most=_RECENT, **self._only)
        return [_end(row) for row in rows]

    def _remember(self, ends: Sequence[End]) -> None:
        if ends:
            self._latest = max(ends[-1].completedat, self._latest or ends[-1].completedat)
        self._shown |= {end.id: end.completedat for end in ends}
        if self._latest is not None:
            horizon = self._latest - _BACK
            self._shown = {job_id: at for job_id, at in self._shown.items() if at >= horizon}


async def follow(database: Database, only: Mapping[str, Any], *, lines: int, as_json: bool) -> None:
    """Print ends until the caller is cancelled; a database that is away is waited for."""
    ends = Ends(database, only)
    for end in await ends.last(lines):
        _print(end, as_json=as_json)
    away = False
    while True:
        await asyncio.sleep(_EVERY)
        try:
            found = await ends.new()
        except DatabaseUnavailable as error:
            if not away:
                errors().print(Text(f"the database is away, waiting for it: {error}", style="yellow"))
            away = True
            continue
        away = False
        for end in found:
            _print(end, as_json=as_json)


def _print(end: End, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.encode(end).decode() + "\n")
        sys.stdout.flush()
        return
    status = status_text(end.statusid)
    status.pad_right(max(0, 9 - len(status)))
    head = Text.assemble((f"{end.completedat:%H:%M:%S} ", "dim"), status, f" {end.jobid}  ", (end.handler, "bold"))
    retry = f"  retry {end.retryattempt}" if end.retryattempt else ""
    output().print(head + Text(f"  {took(end.duration)}{retry}", style="dim") + f"  {first_line(end.errormessage)}")


def _end(row: Any) -> End:
    values = {name: row[name] for name in End.__struct_fields__}
    if isinstance(values["completedat"], str):
        values["completedat"] = from_text(values["completedat"])
    return End(**values)

"""Schedules that ask the database first: each question apart from the others and from the tick.

Invariant: a question that is slow, or fails, holds up its own schedule and no other (past `limit` of them at once they
wait for a place); a row is asked about once at a time in this process, and fires behind what it said when it was read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from hub.db.probe import Probe, ProbeFailed
from hub.errors import DatabaseUnavailable, HubError, Rejected
from hub.scheduler.definition import Row
from hub.scheduler.materialize import Materializer
from hub.scheduler.store import ScheduleStore

_log = logging.getLogger("hub.scheduler")
_REMEMBERED = 1000
"""Schedules whose failing conditions have been told of."""
_FALSE = frozenset(("", "0", "f", "false", "n", "no", "off"))


def holds(value: Any) -> bool:
    """Whether what the database answered counts as true: NULL, 0 and the words for no do not."""
    if isinstance(value, bytes):  # BIT on MySQL and MariaDB
        return any(value)
    return value.strip().lower() not in _FALSE if isinstance(value, str) else bool(value)


class Conditions:
    """`done` is called when a schedule has been decided on, so that there is room for another."""

    def __init__(
        self,
        store: ScheduleStore,
        materializer: Materializer,
        probe: Probe,
        done: Callable[[], None],
        limit: int = 8,
    ) -> None:
        self._store = store
        self._materializer = materializer
        self._probe = probe
        self._done = done
        self._limit = limit
        self._asked: dict[str, asyncio.Task[None]] = {}
        self._failing: dict[str, str] = {}

    async def look(self, now: datetime) -> None:
        """Ask for as many due schedules as there is room for; answers without waiting for theirs."""
        room = self._limit - len(self._asked)
        if room <= 0:
            return
        # Those that are being asked about are still due: read past them.
        rows = await self._store.due(now, self._limit + room, asking=True)
        for row in [each for each in rows if each.id not in self._asked][:room]:
            self._asked[row.id] = asyncio.create_task(self._ask(row, now), name=f"condition of {row.id}")

    async def settled(self) -> None:
        """Wait until nothing is being asked."""
        while self._asked:
            await asyncio.wait(self._asked.values())

    async def stop(self) -> None:
        tasks = list(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, row: Row, now: datetime) -> None:
        try:
            await self._decide(row, now)
        except DatabaseUnavailable as error:
            _log.warning("schedule %s waits: %s", row.id, error)
            await asyncio.sleep(1)  # its row is still due: not at once again
        except HubError as error:
            _log.warning("schedule %s was not decided on: %s", row.id, error)
            await asyncio.sleep(1)
        finally:
            self._asked.pop(row.id, None)
            self._done()

    async def _decide(self, row: Row, now: datetime) -> None:
        try:
            answer = await self._probe.ask(row.condition or "")
        except Rejected as refused:
            await self._materializer.disable(row, f"condition is not one statement that only reads: {refused}")
        except ProbeFailed as failed:
            self._say(row.id, str(failed))
            await self._materializer.fire_rows([row], now, skip=True, error=f"condition failed: {failed}")
        else:
            self._failing.pop(row.id, None)
            await self._materializer.fire_rows([row], now, skip=not holds(answer))

    def _say(self, id: str, failed: str) -> None:
        """Once, until it fails in another way or goes well: `lasterror` has it all the while."""
        if self._failing.get(id) == failed:
            return
        if len(self._failing) >= _REMEMBERED:
            self._failing.clear()
        self._failing[id] = failed
        _log.warning("schedule %s is skipped while its condition fails: %s", id, failed)

"""What `job.driver()` gives on SQLite: the job's transaction without SQLAlchemy's share of the time.

Invariant: guarded like job.db. The sqlite3 connection itself is never handed out: it belongs to the writer's thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from hub.db.guard import refusal
from hub.db.job_connection import JobConnection
from hub.db.sqlite.instants import bindable
from hub.db.sqlite.writer import WriteHold


class SqliteDriver:
    """The job's transaction without SQLAlchemy: one hop to the writer's thread, rows as sqlite3.Row."""

    def __init__(self, guarded: JobConnection, hold: WriteHold) -> None:
        self._guarded = guarded
        self._hold = hold

    async def execute(self, sql: str, values: Any = ()) -> list[sqlite3.Row]:
        """Run one statement; `values` are positional (?) or named (:name). Raises sqlite3's errors."""
        bound = bindable(values)

        def work(connection: sqlite3.Connection) -> list[sqlite3.Row]:
            cursor = connection.cursor()
            cursor.row_factory = sqlite3.Row
            return cursor.execute(sql, bound).fetchall()

        self._check(sql)
        return await self._hold.execute(work)

    async def executemany(self, sql: str, rows: Sequence[Any]) -> int:
        """Run one statement for many rows; how many rows it changed."""
        bound = [bindable(row) for row in rows]
        self._check(sql)
        return await self._hold.execute(lambda connection: connection.executemany(sql, bound).rowcount)

    def _check(self, sql: str) -> None:
        if (why := refusal(sql)) is not None:
            self._guarded.refuse(why)

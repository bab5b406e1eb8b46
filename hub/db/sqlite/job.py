"""One job's transaction on SQLite: the write turn and BEGIN with its first statement, the finish and COMMIT in one hop.

Invariant: only `commit_with` commits, and only if its statement answered a row; every other end undoes everything. The
turn is passed on at the end, whatever the end is.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection

from hub.db.job_connection import Abandon, JobConnection, Opener, Ready
from hub.db.share import SAVEPOINT, Share
from hub.db.sqlite.dialect import HeldConnection
from hub.db.sqlite.driver import SqliteDriver
from hub.db.sqlite.faults import translate
from hub.db.sqlite.statements import execute, parameters
from hub.db.sqlite.writer import WriteHold
from hub.errors import HandlerEndedTransaction, TransactionAborted, TransactionConflict
from hub.ports import JobShare, Row, Rows, Statement

Take = Callable[[str], Awaitable[WriteHold]]
"""Waits for the write turn, in the name of a job."""


class SqliteJobTransaction:
    """See hub.ports.JobTransaction."""

    def __init__(self, engine: AsyncEngine, take: Take, name: str, after: Awaitable[None] | None = None) -> None:
        self.engine = engine
        self._take = take
        self._name = name
        self._after = after
        self._hold: WriteHold | None = None
        self._saved = False
        self._sync = JobConnection(engine.sync_engine, self._open, self._abandon)
        self._async = AsyncConnection(engine, self._sync)

    @property
    def connection(self) -> AsyncConnection:
        return self._async

    @property
    def opened(self) -> bool:
        return self._sync.opened

    @property
    def violation(self) -> Exception | None:
        return self._sync.violation

    async def driver(self) -> SqliteDriver:
        return SqliteDriver(self._sync, await self._ensure())

    async def run(self, statement: Statement, rows: Rows = (), /, **scalars: Any) -> list[Row]:
        named = parameters(statement, rows, scalars)
        hold = await self._ensure()
        try:
            return await hold.execute(lambda connection: execute(connection, statement, named))
        except Exception as error:
            raise translate(error) or error from error

    async def commit_with(self, statement: Statement, row: Sequence[Any]) -> bool:
        try:
            self._sync.check_finish()
            named = parameters(statement, (row,), {})
            hold = await self._ensure()
            self._sync.mark_ended()
            return await hold.commit(lambda connection: bool(execute(connection, statement, named)))
        except Exception as error:
            await self.rollback()
            raise translate(error) or error from error

    async def commit_all(self, statement: Statement, rows: Rows, /, **scalars: Any) -> bool:
        try:
            self._sync.check_finish()
            named = parameters(statement, rows, scalars)
            hold = await self._ensure()
            self._sync.mark_ended()
            return await hold.commit(lambda connection: len(execute(connection, statement, named)) == len(rows))
        except Exception as error:
            await self.rollback()
            raise self._of_all(error) from error

    def _of_all(self, error: Exception) -> Exception:
        # One of the jobs had the transaction undone (ON CONFLICT ROLLBACK); here nothing can have been committed by it.
        if isinstance(error, HandlerEndedTransaction) and self._sync.violation is None:
            return TransactionConflict(str(error))
        return translate(error) or error

    async def rollback(self) -> None:
        self._sync.mark_ended()
        if self._hold is not None:
            self._hold.discard()

    # --- for several jobs, one after another -------------------------------------------------------------------------

    def share(self, *, savepoints: bool) -> JobShare:
        return Share(self, savepoints)

    def guarded(self, opener: Opener, abandon: Abandon, ready: Ready) -> JobConnection:
        return JobConnection(self.engine.sync_engine, opener, abandon, ready)

    def lent(self, borrower: JobConnection, savepoints: bool) -> Any:
        if self._hold is None or self._sync.ended or (savepoints and not self._saved):
            return None
        return HeldConnection(self._hold, guarded=borrower)

    async def lend(self, borrower: JobConnection, savepoints: bool) -> Any:
        hold = await self._ensure()
        if savepoints and not self._saved:
            await self._send(hold, f"SAVEPOINT {SAVEPOINT}")
            self._saved = True
        return HeldConnection(hold, guarded=borrower)

    async def driver_for(self, borrower: JobConnection) -> SqliteDriver:
        return SqliteDriver(borrower, await self._ensure())

    async def advance(self, savepoints: bool) -> None:
        hold = await self._ensure()
        if savepoints:
            await self._send(hold, f"RELEASE {SAVEPOINT}", f"SAVEPOINT {SAVEPOINT}")

    async def retreat(self) -> None:
        await self._send(await self._ensure(), f"ROLLBACK TO {SAVEPOINT}")

    async def _send(self, hold: WriteHold, *texts: str) -> None:
        def work(connection: sqlite3.Connection) -> None:
            for each in texts:
                connection.execute(each)

        try:
            await hold.execute(work)
        except Exception as error:
            raise self._of_all(error) from error

    # -----------------------------------------------------------------------------------------------------------------

    async def _ensure(self) -> WriteHold:
        if self._sync.ended:
            raise TransactionAborted(f"the transaction of {self._name} has ended")
        if self._hold is None:
            await self._sync.open()
        if self._hold is None:
            raise TransactionAborted(f"the transaction of {self._name} has ended")
        return self._hold

    async def _open(self) -> PoolProxiedConnection:
        """Called by the guarded connection at its first use."""
        if self._after is not None:
            # Before the turn, which the job it waits for may need; shielded, as others may wait for the same.
            await asyncio.shield(self._after)
        self._hold = await self._take(f"job {self._name}")
        return HeldConnection(self._hold, guarded=self._sync)

    async def _abandon(self, _connection: PoolProxiedConnection) -> None:
        """Opened for a handler that has ended meanwhile."""
        if self._hold is not None:
            self._hold.discard()

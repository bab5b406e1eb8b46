"""One job's share of a transaction that several jobs use one after another.

Invariant: each job has a guarded connection of its own. What its handler must not do to a transaction it cannot do to
the others' either, and once its job has ended it can do nothing more. With savepoints the job can be undone by itself;
without them only all can.
"""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.db.job_connection import Abandon, JobConnection, Opener, Ready
from hub.ports import Row, Rows, Statement

SAVEPOINT = "hub_job"


class Whole(Protocol):
    """What a transaction does for its shares; each database has its own way."""

    engine: AsyncEngine

    @property
    def violation(self) -> Exception | None: ...

    def guarded(self, opener: Opener, abandon: Abandon, ready: Ready) -> JobConnection:
        """A connection that refuses what must not be done here."""
        ...

    def lent(self, borrower: JobConnection, savepoints: bool) -> Any:
        """What `lend` answers, if there is nothing to be sent for it; else None."""
        ...

    async def lend(self, borrower: JobConnection, savepoints: bool) -> Any:
        """The connection for a share, in the transaction, which begins with its first use."""
        ...

    async def driver_for(self, borrower: JobConnection) -> Any: ...

    async def run(self, statement: Statement, rows: Rows = (), /, **scalars: Any) -> list[Row]: ...

    async def advance(self, savepoints: bool) -> None:
        """A job has ended well: what it did is the transaction's. Raises HandlerEndedTransaction if that is gone, and
        (with savepoints) TransactionAborted if the job swallowed an error which the database does not."""
        ...

    async def retreat(self) -> None:
        """Undo what was done since the savepoint. Raises DatabaseUnavailable, HandlerEndedTransaction."""
        ...


class Share:
    """See hub.ports.JobShare."""

    def __init__(self, whole: Whole, savepoints: bool) -> None:
        self._whole = whole
        self._savepoints = savepoints
        self._sync = whole.guarded(self._open, _abandon, self._ready)
        self._async = AsyncConnection(whole.engine, self._sync)
        self._driven = False

    @property
    def connection(self) -> AsyncConnection:
        return self._async

    @property
    def opened(self) -> bool:
        return self._sync.opened

    @property
    def waits(self) -> bool:
        """Whether a statement, or the opening, is under way; once it had the driver's own connection, nobody knows."""
        return self._driven or self._sync.busy

    @property
    def violation(self) -> Exception | None:
        return self._sync.violation or self._whole.violation

    async def driver(self) -> Any:
        if not self._sync.opened:
            await self._sync.open()
        self._driven = True
        return await self._whole.driver_for(self._sync)

    async def run(self, statement: Statement, rows: Rows = (), /, **scalars: Any) -> list[Row]:
        if not self._sync.opened:
            await self._sync.open()
        with self._sync.under_way():
            return await self._whole.run(statement, rows, **scalars)

    async def keep(self) -> None:
        if (violation := self.violation) is not None:
            raise violation
        self._sync.check_finish()
        self._sync.mark_ended()
        if self._sync.opened:
            await self._whole.advance(self._savepoints)

    async def undo(self) -> None:
        self._sync.check_undo()
        self._sync.mark_ended()
        if self._sync.opened:
            await self._whole.retreat()

    async def rollback(self) -> None:
        self._sync.mark_ended()

    def _ready(self) -> Any:
        return self._whole.lent(self._sync, self._savepoints)

    async def _open(self) -> Any:
        return await self._whole.lend(self._sync, self._savepoints)


async def _abandon(_connection: Any) -> None:
    # The transaction is not this job's alone: whoever leads it ends it.
    pass

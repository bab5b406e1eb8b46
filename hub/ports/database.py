"""What the queue asks of a database.

Invariant: values and Protocols only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import HubError

Row = Any
"""One row of an answer: by position, by name (`row["id"]`), and iterable. asyncpg.Record and sqlite3.Row are such."""

Rows = Sequence[Sequence[Any]]
"""A batch, one tuple a row, in the order of the statement's `columns`."""


class Statement(msgspec.Struct, frozen=True):
    """One operation on the database, from a .sql file (`hub.db.statement` loads them).

    `texts` run in order in one transaction with the same parameters; the answer is the rows of the last. `columns`
    name what a row of the batch holds; `scalars` the single values. `order` is the positional order of all of them.
    """

    name: str
    texts: tuple[str, ...]
    columns: tuple[str, ...]
    scalars: tuple[str, ...]
    order: tuple[str, ...]


class Call(msgspec.Struct, frozen=True):
    """A statement and what it is given."""

    statement: Statement
    rows: Rows = ()
    scalars: Mapping[str, Any] = {}


class Bulk(msgspec.Struct, frozen=True):
    """Rows for a database's own loader (`Database.loads`)."""

    table: str
    columns: Sequence[str]
    rows: Rows


class Runner(Protocol):
    """Runs one statement, in a transaction of its own, and answers its rows once that is committed.

    Raises DatabaseUnavailable when the database is away (whether it was committed is then unknown),
    TransactionConflict when the server asks for a re-run, AlreadyExists for a key that is taken, Rejected for values
    that do not fit.
    """

    async def run(self, statement: Statement, rows: Rows = (), /, **scalars: Any) -> list[Row]: ...


class JobScope(Protocol):
    """A transaction as one job sees it, its own or one that it shares: nothing until its first use, ended by the hub
    alone."""

    @property
    def connection(self) -> AsyncConnection:
        """`job.db`: its first use opens the transaction. The handler can neither commit nor roll back."""
        ...

    @property
    def opened(self) -> bool:
        """Whether this job has used it."""
        ...

    @property
    def violation(self) -> Exception | None:
        """What the handler did that it must not do, though it swallowed the error: the attempt has failed."""
        ...

    async def driver(self) -> Any:
        """The driver's own connection of this transaction, for handlers that count microseconds."""
        ...

    async def run(self, statement: Statement, rows: Rows = (), /, **scalars: Any) -> list[Row]:
        """Run a statement of the hub inside the transaction, opening it if need be."""
        ...

    async def rollback(self) -> None:
        """The job has ended and failed. Undoes everything of a transaction of its own; what becomes of a shared one is
        not its to say. Harmless when never opened or ended already. Never raises for a lost connection."""
        ...


class JobShare(JobScope, Protocol):
    """One job's part of a transaction that several jobs use one after another."""

    @property
    def waits(self) -> bool:
        """Whether the job waits for the database at this moment."""
        ...

    async def keep(self) -> None:
        """The job has ended well. Raises what forbids to keep what it did; HandlerEndedTransaction without a
        `violation` says that the transaction is gone, and that what all of them did may stand."""
        ...

    async def undo(self) -> None:
        """The job has failed: undo what it did, and nothing else; only with savepoints. Raises as `keep` does, and
        DatabaseUnavailable when the connection is gone, as it is after a statement was cut short."""
        ...


class JobTransaction(JobScope, Protocol):
    """One job's own transaction, or that of several."""

    async def commit_with(self, statement: Statement, row: Sequence[Any]) -> bool:
        """Run `statement` for one row as the last of the transaction and commit, if it answers a row.

        False: it answered none (the fence was lost); everything is rolled back. Raises as `Runner.run` does; after
        DatabaseUnavailable the outcome is unknown, after anything else nothing was written.
        """
        ...

    def share(self, *, savepoints: bool) -> JobShare:
        """A part for the next of several jobs; those before it have ended theirs. With `savepoints` each can be undone
        by itself."""
        ...

    async def commit_all(self, statement: Statement, rows: Rows, /, **scalars: Any) -> bool:
        """Run `statement` for these rows as the last of the transaction and commit, if it answers a row for each.

        False: it answered fewer (a fence was lost); everything is rolled back. Raises as `commit_with` does.
        """
        ...


class Database(Runner, Protocol):
    """A database the hub can run on."""

    @property
    def dialect(self) -> str:
        """'postgresql', 'mysql' or 'sqlite': the folder of its statements and migrations."""
        ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def read(self, statement: Statement, /, **scalars: Any) -> list[Row]:
        """Run a statement that changes nothing; on SQLite it does not wait for a writer."""
        ...

    async def load(self, table: str, columns: Sequence[str], rows: Rows, then: Statement, /, **scalars: Any) -> bool:
        """Insert many rows in the quickest way the database has, and run `then` (one row a batch: none) in the same
        transaction. False, with nothing done, where there is no quicker way than a statement."""
        ...

    @property
    def loads(self) -> bool:
        """Whether it takes a Bulk: whether there is a quicker way to insert many rows than a statement."""
        ...

    @property
    def writes_abreast(self) -> bool:
        """Whether transactions that write run beside one another, and not one after the other."""
        ...

    async def run_behind(self, guard: Call, *work: Call | Bulk) -> list[Row] | None:
        """Run `guard` and, if it answers a row, the rest in their order, all in one transaction; the rows of the last
        Call. None: it answered none, and nothing was done. Raises as `run` does."""
        ...

    async def tend(self) -> None:
        """See to it that statements stay quick, where the server does so too late; often, as it costs next to nothing.
        Raises as `run` does."""
        ...

    def diagnose(self, error: BaseException) -> HubError | None:
        """What an error means that a handler let through (of SQLAlchemy or of the driver); None: not the database's."""
        ...

    def begin_job(
        self, name: str, after: Awaitable[None] | None = None, isolation: str | None = None
    ) -> JobTransaction:
        """A transaction for one job; `name` is told in warnings about transactions held too long. Its first use waits
        for `after`, if given: the end of the job before it in its ordering key. `isolation`: a level other than the
        database's usual one, in SQL's words (SQLite has but one)."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """An ordinary SQLAlchemy transaction, committed at the end of the block; not for the hot path."""
        ...

    def apart(self) -> AbstractAsyncContextManager[Runner]:
        """A connection of its own, usable in another thread's event loop (the heartbeat's)."""
        ...

    async def listen(self, channel: str, heard: Callable[[str], None]) -> None:
        """Call `heard` with the text of each notification on `channel`, until stop; survives reconnects (after one,
        `heard("")` says that some may have been missed). A database without notifications does nothing."""
        ...

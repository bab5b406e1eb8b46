"""SQLAlchemy on the writer thread: one hop a statement, where the stock asynchronous dialect makes three.

Invariant: a statement reaches the thread whole (execute and fetch together) and inside a WriteHold, which carries BEGIN
along with the first one. There are no server-side cursors: a streamed result is read whole first.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from sqlalchemy.dialects.sqlite.base import SQLiteExecutionContext
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool, PoolProxiedConnection
from sqlalchemy.util import await_only

from hub.db.job_connection import JobConnection
from hub.db.sqlite.driver import SqliteDriver
from hub.db.sqlite.instants import bindable
from hub.db.sqlite.writer import Work, WriteHold
from hub.errors import TransactionAborted

Take = Callable[[], Awaitable[WriteHold]]


class HeldConnection(PoolProxiedConnection):
    """What SQLAlchemy takes for a connection of the driver, and for one of its pool: a hold of the write turn.

    With `take` a hold is taken at the first statement and again after each commit or rollback; without it there is
    only `hold`, the job's, and whoever ends that has lost the connection.
    """

    __slots__ = ("_guarded", "_hold", "_info", "_take")

    def __init__(
        self, hold: WriteHold | None = None, *, guarded: JobConnection | None = None, take: Take | None = None
    ) -> None:
        self._hold = hold
        self._guarded = guarded
        self._take = take
        self._info: dict[str, Any] = {}

    async def run(self, work: Work[Any]) -> Any:
        """Do work in the transaction, which begins with it."""
        if self._hold is None:
            if self._take is None:
                raise TransactionAborted("the connection was given up")
            self._hold = await self._take()
        return await self._hold.execute(work)

    # --- as a connection of the driver -------------------------------------------------------------------------------

    def cursor(self, *_: Any, **__: Any) -> Any:
        return HeldCursor(self)

    def commit(self) -> None:
        hold, self._hold = self._hold, None
        if hold is not None:
            await_only(hold.commit(lambda _connection: True))

    def rollback(self) -> None:
        hold, self._hold = self._hold, None
        if hold is not None:
            hold.discard()

    def close(self) -> None:
        self.rollback()

    # --- as a connection of the pool ---------------------------------------------------------------------------------

    @property
    def is_valid(self) -> bool:
        return self._take is not None or self._hold is not None

    @property
    def is_detached(self) -> bool:
        return False

    @property
    def dbapi_connection(self) -> Any:  # type: ignore[override]  # nobody assigns it; an attribute would be a circle
        return self

    @property
    def driver_connection(self) -> SqliteDriver | None:  # type: ignore[override]  # nobody assigns it
        """As `job.driver()`; None outside of a job."""
        if self._hold is None or self._guarded is None:
            return None
        return SqliteDriver(self._guarded, self._hold)

    @property
    def info(self) -> dict[str, Any]:
        return self._info

    def detach(self) -> None:
        # There is no pool behind it.
        pass

    def invalidate(self, e: BaseException | None = None, soft: bool = False) -> None:
        self.rollback()


class HeldCursor:
    """The part of a DB-API cursor that SQLAlchemy uses."""

    __slots__ = ("_connection", "_rows", "arraysize", "description", "lastrowid", "rowcount")

    server_side = False

    def __init__(self, connection: HeldConnection) -> None:
        self._connection = connection
        self._rows: deque[Any] = deque()
        self.arraysize = 1
        self.description: Any = None
        self.lastrowid: int | None = None
        self.rowcount = -1

    def execute(self, operation: str, parameters: Any = None) -> None:
        parameters = bindable(parameters) if parameters else ()
        self._run(lambda connection: connection.execute(operation, parameters))

    def executemany(self, operation: str, parameters: Sequence[Any]) -> None:
        ready = [bindable(each) for each in parameters]
        self._run(lambda connection: connection.executemany(operation, ready))

    def _run(self, call: Callable[[sqlite3.Connection], sqlite3.Cursor]) -> None:
        def work(connection: sqlite3.Connection) -> tuple[Any, list[Any], int, int | None]:
            cursor = call(connection)
            rows = cursor.fetchall() if cursor.description else []
            return cursor.description, rows, cursor.rowcount, cursor.lastrowid

        self.description, rows, self.rowcount, self.lastrowid = await_only(self._connection.run(work))
        self._rows = deque(rows)

    def fetchone(self) -> Any:
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        count = min(self.arraysize if size is None else size, len(self._rows))
        return [self._rows.popleft() for _ in range(count)]

    def fetchall(self) -> list[Any]:
        rows = list(self._rows)
        self._rows.clear()
        return rows

    def __iter__(self) -> Iterator[Any]:
        while self._rows:
            yield self._rows.popleft()

    def close(self) -> None:
        self._rows.clear()

    async def _async_soft_close(self) -> None:
        # Called on every result; there is nothing left to close in the thread.
        pass


class _Context(SQLiteExecutionContext):
    def create_server_side_cursor(self) -> Any:
        return self.create_default_cursor()


class HubSqliteDialect(SQLiteDialect_pysqlite):
    """SQLAlchemy's SQLite dialect on HeldConnections."""

    supports_statement_cache = True
    is_async = True
    supports_server_side_cursors = True
    execution_ctx_cls = _Context

    def get_driver_connection(self, connection: Any) -> Any:
        return connection.driver_connection


def make_engine(path: str, take: Take) -> AsyncEngine:
    """An engine on the writer: each of its transactions takes the write turn, each connection is made for its use."""
    dialect = HubSqliteDialect(dbapi=sqlite3)
    # What SQLAlchemy would ask a first connection for; here it would have to wait for the write turn.
    dialect.server_version_info = sqlite3.sqlite_version_info
    dialect.default_schema_name = "main"
    dialect.default_isolation_level = "SERIALIZABLE"
    # The engine's URL is only shown: nothing connects by it.
    url = URL.create("sqlite", database=path)
    pool = NullPool(lambda: HeldConnection(take=take), reset_on_return=None, dialect=dialect)
    return AsyncEngine(Engine(pool, dialect, url, hide_parameters=True))

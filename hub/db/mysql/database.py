"""MariaDB or MySQL as the hub's database: its own connections and the slots of job transactions.

Invariant: the hub's statements and the jobs' transactions never wait for each other's connections, so that an exhausted
pool delays handlers and nothing else. There are no notifications: whoever inserts wakes the workers of its own process,
others find the rows when they look.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from asyncmy.errors import MySQLError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from hub.clock import Clock
from hub.db.mysql.connections import Connections, rerun, run
from hub.db.mysql.connector import Connector, leave
from hub.db.mysql.faults import translate
from hub.db.mysql.job import MysqlJobTransaction
from hub.db.mysql.slots import JobSlots
from hub.db.settings import DatabaseSettings
from hub.db.url import Address
from hub.errors import HubError
from hub.ports import Bulk, Call, JobTransaction, Row, Rows, Runner, Statement

# claim, finish, ingest and reads may be under way at once; more only makes the server switch between them
_OWN_CONNECTIONS = 6


class MysqlDatabase:
    """See hub.ports.Database."""

    dialect = "mysql"
    writes_abreast = True
    loads = False  # a batch in one statement is as quick as it gets

    def __init__(self, address: Address, settings: DatabaseSettings, clock: Clock) -> None:
        self._address = address
        self._settings = settings
        self._clock = clock
        self._connector = Connector(address, settings)
        self._own = Connections(self._connector, settings, clock, _OWN_CONNECTIONS)
        self._engine: AsyncEngine | None = None
        self._slots: JobSlots | None = None

    async def start(self) -> None:
        """Raises DatabaseUnavailable when the server cannot be reached."""
        async with self._own.lend() as connection:
            await connection.ping(reconnect=False)
        self._engine = self._make_engine(lambda: self._connector.open(own=False), isolation_level="AUTOCOMMIT")
        async with self._engine.connect():
            pass  # tells SQLAlchemy what server this is: a handler may ask before anything has run
        self._slots = JobSlots(self._engine, self._connector, self._settings, self._clock)

    async def stop(self) -> None:
        if self._slots is not None:
            await self._slots.close()
        await self._own.close()
        if self._engine is not None:
            await self._engine.dispose()
        await self._connector.settle()

    async def run(self, statement: Statement, rows: Rows = (), /, **scalars: Any) -> list[Row]:
        return list(await self._own.run(statement, rows, scalars))

    async def read(self, statement: Statement, /, **scalars: Any) -> list[Row]:
        return await self.run(statement, (), **scalars)

    async def load(self, table: str, columns: Sequence[str], rows: Rows, then: Statement, /, **scalars: Any) -> bool:
        return False

    async def run_behind(self, guard: Call, *work: Call | Bulk) -> list[Row] | None:
        return await self._own.run_behind([each for each in (guard, *work) if isinstance(each, Call)])

    def begin_job(
        self, name: str, after: Awaitable[None] | None = None, isolation: str | None = None
    ) -> JobTransaction:
        if self._engine is None or self._slots is None:
            raise RuntimeError("the database is not started")
        return MysqlJobTransaction(self._engine, self._slots, name, after, isolation)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        engine = self._make_engine(lambda: self._connector.open(autocommit=False, own=False))
        try:
            async with engine.begin() as connection:
                yield connection
        finally:
            await engine.dispose()

    def apart(self) -> AbstractAsyncContextManager[Runner]:
        # The heartbeat's thread shares nothing with this one.
        return _apart(Connector(self._address, self._settings), self._settings, self._clock)

    async def listen(self, channel: str, heard: Callable[[str], None]) -> None:
        # Nobody tells: workers of other instances look every poll interval.
        pass

    async def tend(self) -> None:
        pass  # its planner looks at the tables themselves

    def diagnose(self, error: BaseException) -> HubError | None:
        # A handler's own OSError, from a partner it called, is not the database's.
        return translate(error) if isinstance(error, DBAPIError | MySQLError) else None

    def _make_engine(self, opener: Callable[[], Awaitable[Any]], **options: Any) -> AsyncEngine:
        return create_async_engine(
            "mysql+asyncmy://",
            poolclass=NullPool,
            async_creator=opener,
            hide_parameters=True,
            **options,
        )


class _Apart:
    """A Runner on one connection that belongs to the event loop it was opened in."""

    def __init__(self, connector: Connector, settings: DatabaseSettings, clock: Clock) -> None:
        self._connector = connector
        self._clock = clock
        # The server ends a connection that is idle for longer than a transaction may be.
        self._fresh = settings.transaction_timeout / 2
        self._used = 0.0
        self._connection: Any = None

    async def run(self, statement: Statement, rows: Rows = (), /, **scalars: Any) -> list[Row]:
        return list(await rerun(lambda: self._run(statement, rows, scalars)))

    async def _run(self, statement: Statement, rows: Rows, scalars: dict[str, Any]) -> list[Row]:
        now = self._clock.monotonic()
        if self._connection is None or not self._connection.connected or now - self._used > self._fresh:
            self.close()
            self._connection = await self._connector.open()
        try:
            answer = list(await run(self._connector, self._connection, statement, rows, scalars))
        except Exception as error:
            translated = translate(error)
            if translated is None or translated is error:
                raise
            raise translated from error
        self._used = now
        return answer

    def close(self) -> None:
        if self._connection is not None:
            leave(self._connection)
            self._connection = None


@asynccontextmanager
async def _apart(connector: Connector, settings: DatabaseSettings, clock: Clock) -> AsyncIterator[Runner]:
    runner = _Apart(connector, settings, clock)
    try:
        yield runner
    finally:
        runner.close()

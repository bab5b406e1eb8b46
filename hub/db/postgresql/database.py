"""PostgreSQL as the hub's database: its own connections, the slots of job transactions, a listener.

Invariant: three kinds of connections that never wait for each other — the hub's statements, the jobs' transactions, the
listener — so that an exhausted pool delays handlers and nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from hub.clock import Clock
from hub.db.postgresql import statistics
from hub.db.postgresql.connections import Connections, connect, connect_arguments, execute
from hub.db.postgresql.faults import DRIVER_ERRORS, translate
from hub.db.postgresql.job import PostgresJobTransaction
from hub.db.postgresql.listener import Listener
from hub.db.postgresql.slots import JobSlots
from hub.db.settings import DatabaseSettings
from hub.db.url import Address, parse
from hub.errors import HubError, Rejected
from hub.ports import Bulk, Call, JobTransaction, Row, Rows, Runner, Statement

# claim, finish, ingest and reads may be under way at once; more only makes the server switch between them
_OWN_CONNECTIONS = 6


class PostgresDatabase:
    """See hub.ports.Database."""

    dialect = "postgresql"
    writes_abreast = True
    loads = True

    def __init__(self, address: Address, settings: DatabaseSettings, clock: Clock) -> None:
        self._address = address
        self._settings = settings
        self._clock = clock
        self._own = Connections(address, settings, _OWN_CONNECTIONS)
        self._engine: AsyncEngine | None = None
        self._slots: JobSlots | None = None
        self._listener: Listener | None = None

    async def start(self) -> None:
        """Raises DatabaseUnavailable when the server cannot be reached."""
        async with self._own.lend() as connection:
            await connection.fetchval("SELECT 1")
        self._engine = self._make_engine(isolation_level="AUTOCOMMIT")
        async with self._engine.connect():
            pass  # tells SQLAlchemy what server this is: a handler may ask before anything has run
        self._slots = JobSlots(self._engine, self._settings, self._clock)

    async def stop(self) -> None:
        if self._listener is not None:
            await self._listener.stop()
        if self._slots is not None:
            await self._slots.close()
        await self._own.close()
        if self._engine is not None:
            await self._engine.dispose()

    async def run(self, statement: Statement, rows: Rows = (), /, **scalars: Any) -> list[Row]:
        async with self._own.lend() as connection:
            return await execute(connection, statement, rows, scalars)

    async def read(self, statement: Statement, /, **scalars: Any) -> list[Row]:
        return await self.run(statement, (), **scalars)

    def begin_job(
        self, name: str, after: Awaitable[None] | None = None, isolation: str | None = None
    ) -> JobTransaction:
        if self._engine is None or self._slots is None:
            raise RuntimeError("the database is not started")
        return PostgresJobTransaction(self._engine, self._slots, name, after, isolation)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        engine = self._make_engine()
        try:
            async with engine.begin() as connection:
                yield connection
        finally:
            await engine.dispose()

    def apart(self) -> AbstractAsyncContextManager[Runner]:
        return _apart(self._address, self._settings)

    async def listen(self, channel: str, heard: Callable[[str], None]) -> None:
        if self._listener is None:
            direct = parse(self._settings.listen_url) if self._settings.listen_url else self._address
            self._listener = Listener(direct, self._settings, self._clock)
        await self._listener.listen(channel, heard)

    async def load(self, table: str, columns: Sequence[str], rows: Rows, then: Statement, /, **scalars: Any) -> bool:
        async with self._own.lend() as connection, connection.transaction():
            await _copy(connection, Bulk(table, columns, rows))
            await execute(connection, then, (), scalars)
        return True

    async def run_behind(self, guard: Call, *work: Call | Bulk) -> list[Row] | None:
        async with self._own.lend() as connection, connection.transaction():
            if not await execute(connection, guard.statement, guard.rows, dict(guard.scalars)):
                return None
            answer: list[Row] = []
            for each in work:
                if isinstance(each, Bulk):
                    await _copy(connection, each)
                else:
                    answer = await execute(connection, each.statement, each.rows, dict(each.scalars))
        return answer

    async def tend(self) -> None:
        async with self._own.lend() as connection:
            await statistics.gather(connection)

    def diagnose(self, error: BaseException) -> HubError | None:
        # A handler's own OSError, from a partner it called, is not the database's.
        return translate(error) if isinstance(error, (DBAPIError, asyncpg.PostgresError, *DRIVER_ERRORS)) else None

    def _make_engine(self, **options: Any) -> AsyncEngine:
        arguments = connect_arguments(self._address, self._settings)
        # a handler's statement is bounded by its job's timeout, not by the hub's own limit
        arguments["command_timeout"] = None
        return create_async_engine(
            "postgresql+asyncpg://", poolclass=NullPool, connect_args=arguments, hide_parameters=True, **options
        )


async def _copy(connection: Any, bulk: Bulk) -> None:
    try:
        await connection.copy_records_to_table(bulk.table, records=bulk.rows, columns=bulk.columns)
    except (OverflowError, UnicodeEncodeError) as error:  # the driver's, before the server sees the value
        raise Rejected(f"a value cannot be stored: {error}") from error


class _Apart:
    """A Runner on one connection that belongs to the event loop it was opened in."""

    def __init__(self, address: Address, settings: DatabaseSettings) -> None:
        self._address = address
        self._settings = settings
        self._connection: asyncpg.Connection[Any] | None = None

    async def run(self, statement: Statement, rows: Rows = (), /, **scalars: Any) -> list[Row]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._address, self._settings)
        try:
            return await execute(self._connection, statement, rows, scalars)
        except Exception as error:
            translated = translate(error)
            if translated is None:
                raise
            raise translated from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()


@asynccontextmanager
async def _apart(address: Address, settings: DatabaseSettings) -> AsyncIterator[Runner]:
    runner = _Apart(address, settings)
    try:
        yield runner
    finally:
        runner.close()

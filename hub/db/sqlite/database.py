"""SQLite as the hub's database: one writer, a few readers, one process a file.

Invariant: everything this process writes goes through the one writer, in its turn, except for `apart`, which has a
connection of its own because it must work while the event loop of the writer's turn is blocked.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.db.settings import DatabaseSettings
from hub.db.sqlite.connect import check_version, file_of, log_size, make_folder, open_reader, open_writer
from hub.db.sqlite.dialect import make_engine
from hub.db.sqlite.faults import translate
from hub.db.sqlite.filelock import FileLock
from hub.db.sqlite.job import SqliteJobTransaction
from hub.db.sqlite.statements import execute, execute_behind, parameters, read
from hub.db.sqlite.thread import ConnectionThread
from hub.db.sqlite.writer import WriteHold, Writer
from hub.db.url import Address
from hub.errors import DatabaseUnavailable, HubError
from hub.ports import Bulk, Call, JobTransaction, Row, Rows, Runner, Statement

_log = logging.getLogger("hub.db")

# The API, the console and the metrics read; more threads would only share the interpreter.
_READERS = 3
_LARGE_LOG = 256 * 1024 * 1024


class SqliteDatabase:
    """See hub.ports.Database. Past `settings.transaction_timeout` a job's transaction is undone, as all others wait."""

    dialect = "sqlite"
    writes_abreast = False  # one writer at a time
    loads = False  # a batch in one statement is as quick as it gets

    def __init__(self, address: Address, settings: DatabaseSettings) -> None:
        self._path = file_of(address)
        self._settings = settings
        self._lock = FileLock(self._path)
        self._writer = Writer(self._path.name, lambda: open_writer(self._path), settings)
        self._readers = [
            ConnectionThread(f"hub-sqlite-reader {number}", lambda: open_reader(self._path))
            for number in range(_READERS)
        ]
        self._grown = False
        self._engine: AsyncEngine = make_engine(str(self._path), self._take_for_transaction)

    async def start(self) -> None:
        """Open the file, making it and its folder if need be; raises DatabaseUnavailable."""
        check_version()
        make_folder(self._path)
        if self._settings.exclusive:
            self._lock.acquire()
        try:
            await self._writer.start()
            for reader in self._readers:
                await reader.start()
        except BaseException as error:
            await self.stop()
            if isinstance(error, DatabaseUnavailable):
                raise DatabaseUnavailable(f"cannot open {self._path}: {error}") from error
            raise

    async def stop(self) -> None:
        """What is committed is safe, what is open is undone; tolerates never-started and twice."""
        await self._writer.stop()
        for reader in self._readers:
            await reader.stop()
        self._lock.release()

    async def run(self, statement: Statement, rows: Rows = (), /, **scalars: Any) -> list[Row]:
        named = parameters(statement, rows, scalars)
        return await self._writer.run(lambda connection: execute(connection, statement, named))

    async def read(self, statement: Statement, /, **scalars: Any) -> list[Row]:
        named = parameters(statement, (), scalars)
        idlest = min(self._readers, key=lambda reader: reader.pending)
        try:
            return await idlest.run(lambda connection: read(connection, statement, named))
        except Exception as error:
            raise translate(error) or error from error

    async def load(self, table: str, columns: Sequence[str], rows: Rows, then: Statement, /, **scalars: Any) -> bool:
        return False

    async def run_behind(self, guard: Call, *work: Call | Bulk) -> list[Row] | None:
        calls = [
            (each.statement, parameters(each.statement, each.rows, each.scalars))
            for each in (guard, *work)
            if isinstance(each, Call)
        ]
        return await self._writer.run(lambda connection: execute_behind(connection, calls))

    async def tend(self) -> None:
        """Look whether the log grows: a program that reads without end keeps it from being taken into the file. (The
        plans are the same with statistics and without.)"""
        size = log_size(self._path)
        if size > _LARGE_LOG and not self._grown:
            _log.warning(
                "%s-wal has grown to %d MB: another program has it open and reads without end; end that, else the disk "
                "fills",
                *(self._path, size >> 20),
            )
        self._grown = size > _LARGE_LOG

    def diagnose(self, error: BaseException) -> HubError | None:
        return translate(error)

    def begin_job(
        self, name: str, after: Awaitable[None] | None = None, isolation: str | None = None
    ) -> JobTransaction:
        # One writer at a time is more than any isolation level asks for.
        return SqliteJobTransaction(self._engine, self._writer.hold, name, after)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        async with self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def _apart(self) -> AsyncIterator[Runner]:
        runner = _Apart(self._path, self._settings)
        await runner.start()
        try:
            yield runner
        finally:
            await runner.stop()

    def apart(self) -> AbstractAsyncContextManager[Runner]:
        return self._apart()

    async def listen(self, channel: str, heard: Callable[[str], None]) -> None:
        # One process a file: whoever inserts wakes the workers itself, and rows of other programs wait for the poll.
        pass

    async def _take_for_transaction(self) -> WriteHold:
        return await self._writer.hold("a transaction of the hub")


class _Apart:
    """A Runner with a writer of its own, in whatever event loop it is started."""

    def __init__(self, path: Path, settings: DatabaseSettings) -> None:
        self._writer = Writer(f"{path.name} apart", lambda: open_writer(path), settings)
        self.start = self._writer.start
        self.stop = self._writer.stop

    async def run(self, statement: Statement, rows: Rows = (), /, **scalars: Any) -> list[Row]:
        named = parameters(statement, rows, scalars)
        return await self._writer.run(lambda connection: execute(connection, statement, named))

"""Migrations on SQLite: all that is missing in one transaction, under the write lock.

Invariant: either every file is applied and recorded, or the database is as it was. The files' own BEGIN and COMMIT,
which the sqlite3 shell needs, are left out.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from hub.db.migrations import Migration, Recorded
from hub.db.sqlite.connect import check_version, file_of, make_folder, open_reader, open_writer
from hub.db.sqlite.faults import translate
from hub.db.sqlite.instants import from_text
from hub.db.sqlite.thread import ConnectionThread
from hub.db.url import Address
from hub.errors import DatabaseUnavailable, MigrationError, TransactionConflict

_log = logging.getLogger("hub.db")
_PATIENCE = 12
"""How often the lock is asked for; each time SQLite itself waits some seconds."""
_TRANSACTION = frozenset(("BEGIN", "BEGIN IMMEDIATE", "COMMIT"))


class SqliteTarget:
    """See hub.db.migrator.Target."""

    def __init__(self, thread: ConnectionThread[sqlite3.Connection], path: Path) -> None:
        self._thread = thread
        self._path = path

    @classmethod
    @asynccontextmanager
    async def open(cls, address: Address, *, locked: bool) -> AsyncIterator[SqliteTarget]:
        """`locked`: make the file if need be, take the write lock, commit at the end of the block."""
        check_version()
        path = file_of(address)
        if locked:
            make_folder(path)
        thread = ConnectionThread("hub-sqlite-migration", lambda: _connect(path, locked))
        try:
            await thread.start()
        except DatabaseUnavailable as error:
            raise DatabaseUnavailable(f"cannot open {path}: {error}") from error
        try:
            target = cls(thread, path)
            if locked:
                await target._lock()
            yield target
            if locked:
                await target._execute("COMMIT")
        finally:
            await thread.stop()  # undoes what was not committed

    async def recorded(self) -> Mapping[int, Recorded]:
        try:
            return await self._thread.run(_recorded)
        except sqlite3.Error as error:
            raise DatabaseUnavailable(f"cannot read {self._path}: {translate(error) or error}") from error

    async def apply(self, migration: Migration) -> None:
        await self._thread.run(lambda connection: _apply(connection, migration))

    async def record_checksum(self, migration: Migration) -> None:
        sql = "UPDATE hub_migrations SET checksum = ? WHERE version = ?"
        await self._execute(sql, migration.checksum, migration.version)

    async def _lock(self) -> None:
        for _ in range(_PATIENCE):
            try:
                await self._execute("BEGIN IMMEDIATE")
                return
            except TransactionConflict:
                _log.warning("%s is being written by somebody else: the migration waits", self._path)
        raise TransactionConflict(f"{self._path} is locked by somebody else: end that, then migrate again")

    async def _execute(self, sql: str, *values: str | int) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute(sql, values)

        try:
            await self._thread.run(work)
        except sqlite3.Error as error:
            raise translate(error) or error from error


def _connect(path: Path, locked: bool) -> sqlite3.Connection:
    if locked:
        return open_writer(path)
    # A question must not make the file.
    return open_reader(path) if path.exists() else sqlite3.connect(":memory:", isolation_level=None)


def _recorded(connection: sqlite3.Connection) -> Mapping[int, Recorded]:
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'hub_migrations'").fetchall():
        return {}
    rows = connection.execute("SELECT version, name, checksum, appliedat FROM hub_migrations").fetchall()
    return {version: Recorded(name, checksum, from_text(at)) for version, name, checksum, at in rows}


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    for statement in statements(migration.sql):
        try:
            connection.execute(statement)
        except sqlite3.Error as error:
            first_line = statement.splitlines()[0]
            raise MigrationError(f"{migration.file} failed at {first_line!r}: {error}") from error


def statements(sql: str) -> Iterator[str]:
    """The statements of a file, without those that begin and end its transaction."""
    gathered = ""
    for line in sql.splitlines(keepends=True):
        if not gathered.strip() and (not line.strip() or line.lstrip().startswith("--")):
            continue
        gathered += line
        if sqlite3.complete_statement(gathered):
            if gathered.strip().rstrip(";").strip().upper() not in _TRANSACTION:
                yield gathered.strip()
            gathered = ""
    if gathered.strip():
        yield gathered.strip()  # SQLite says what is wrong with it

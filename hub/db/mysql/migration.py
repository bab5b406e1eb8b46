"""Migrations on MariaDB and MySQL: a lock of the server's around all of them, statement after statement.

Invariant: the lock is held from looking what is there until the last file is recorded. Definitions commit by themselves
here: a file that was cut short is run again from its beginning, which each of its statements allows. The files lock
themselves too, with another name, for those who run them by mysql.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from asyncmy.errors import MySQLError

from hub.db.greeting import awaited
from hub.db.migrations import Migration, Recorded
from hub.db.mysql.connector import Connector, leave
from hub.db.mysql.faults import code_of, translate
from hub.db.settings import DatabaseSettings
from hub.db.url import Address
from hub.errors import MigrationError

_log = logging.getLogger("hub.db")
_LOCK = "CONCAT('hub migrate ', LEFT(SHA2(DATABASE(), 256), 32))"
_PATIENCE = 3600
_COMMENT = re.compile(r"--[^\n]*")
_REMEDIES = {
    1142: "; give the user that right (GRANT ALL ON the database)",
    1665: "; set binlog_format to MIXED or ROW",
    1419: "; the schema has triggers, which such a server takes from administrators alone: run `hub migrate` as one, "
    "or have SET GLOBAL log_bin_trust_function_creators = ON for as long as it takes",
}


class MysqlTarget:
    """See hub.db.migrator.Target."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def open(cls, address: Address, *, locked: bool) -> AsyncIterator[MysqlTarget]:
        """`locked`: wait for other migrators, and keep them waiting until the end of the block."""
        # An index on a large table takes its time, and so may the lock.
        settings = DatabaseSettings(application_name="hub migrate", transaction_timeout=_PATIENCE)
        with awaited(address):
            connection = await Connector(address, settings).open()
        target = cls(connection)
        try:
            if locked and not await target._get_lock(0):
                _log.warning("%s is being migrated by somebody else: waiting", address.masked)
                if not await target._get_lock(_PATIENCE):
                    raise MigrationError(f"{address.masked} has been locked by another migration for {_PATIENCE} s")
            yield target
        except (MySQLError, OSError) as error:
            raise translate(error) or error from error
        finally:
            leave(connection)  # which also frees the lock

    async def recorded(self) -> Mapping[int, Recorded]:
        there = await self._fetch(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'hub_migrations'"
        )
        if not there:
            return {}
        rows = await self._fetch("SELECT version, name, checksum, appliedat FROM hub_migrations")
        return {row[0]: Recorded(row[1], row[2], row[3]) for row in rows}

    async def apply(self, migration: Migration) -> None:
        for statement in statements(migration.sql):
            try:
                await self._connection.query(statement)
            except MySQLError as error:
                remedy = _REMEDIES.get(code_of(error) or 0, "")
                raise MigrationError(f"{migration.file} failed: {error}{remedy}") from error

    async def record_checksum(self, migration: Migration) -> None:
        sql = "UPDATE hub_migrations SET checksum = %s WHERE version = %s"
        await self._connection.cursor().execute(sql, (migration.checksum, migration.version))

    async def _get_lock(self, seconds: int) -> bool:
        return bool((await self._fetch(f"SELECT GET_LOCK({_LOCK}, {int(seconds)})"))[0][0])

    async def _fetch(self, sql: str) -> list[tuple[Any, ...]]:
        cursor = self._connection.cursor()
        await cursor.execute(sql)
        return list(await cursor.fetchall())


def statements(sql: str) -> list[str]:
    """The statements of a file: each ends with a semicolon at the end of a line; no text in it holds a comment."""
    pieces = re.split(r";[ \t]*$", _COMMENT.sub("", sql), flags=re.MULTILINE)
    return [piece for piece in pieces if piece.strip()]

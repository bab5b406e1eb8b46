"""Migrations on PostgreSQL: a session's advisory lock around all of them, a transaction of its own in each file.

Invariant: the lock is held from looking what is there until the last file is recorded. The files lock themselves too,
with another key, for those who run them by psql.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from hub.db.greeting import awaited, reason_of
from hub.db.migrations import Migration, Recorded
from hub.db.postgresql.connections import connect_arguments
from hub.db.postgresql.faults import translate
from hub.db.settings import DatabaseSettings
from hub.db.url import Address
from hub.errors import DatabaseUnavailable, MigrationError

_log = logging.getLogger("hub.db")
_LOCK = 7521962890312


class PostgresTarget:
    """See hub.db.migrator.Target."""

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def open(cls, address: Address, *, locked: bool) -> AsyncIterator[PostgresTarget]:
        """`locked`: wait for other migrators, and keep them waiting until the end of the block."""
        arguments = connect_arguments(address, DatabaseSettings(application_name="hub migrate"))
        # An index on a large table takes its time, and so may the lock.
        arguments["command_timeout"] = None
        try:
            with awaited(address):
                connection = await asyncpg.connect(**arguments)
        except Exception as error:
            reason = reason_of(error, address) or f"{type(error).__name__}: {error}".splitlines()[0]
            raise DatabaseUnavailable(f"cannot connect to {address.masked}: {reason}") from error
        try:
            if locked and not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
                _log.warning("%s is being migrated by somebody else: waiting", address.masked)
                await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
            yield cls(connection)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise translate(error) or error from error
        finally:
            await _close(connection)  # which also frees the lock

    async def recorded(self) -> Mapping[int, Recorded]:
        if await self._connection.fetchval("SELECT to_regclass('hub_migrations')") is None:
            return {}
        rows = await self._connection.fetch("SELECT version, name, checksum, appliedat FROM hub_migrations")
        return {row["version"]: Recorded(row["name"], row["checksum"], row["appliedat"]) for row in rows}

    async def apply(self, migration: Migration) -> None:
        try:
            await self._connection.execute(migration.sql)
        except asyncpg.InsufficientPrivilegeError as error:
            remedy = "make the user the database's owner, or GRANT CREATE ON SCHEMA public (not everybody's since 15)"
            raise MigrationError(f"{migration.file} failed: {error}; {remedy}") from error
        except asyncpg.PostgresError as error:
            raise MigrationError(f"{migration.file} failed: {error}") from error

    async def record_checksum(self, migration: Migration) -> None:
        await self._connection.execute(
            "UPDATE hub_migrations SET checksum = $2 WHERE version = $1", migration.version, migration.checksum
        )


async def _close(connection: asyncpg.Connection[Any]) -> None:
    try:
        await connection.close(timeout=5)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        connection.terminate()

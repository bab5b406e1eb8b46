"""Brings a database's schema up to the files: locked, checksummed, safe when several start at once.

Invariant: whoever applies a file holds the database's lock from looking what is there until the file is recorded, so
each file is applied once. A database that the files cannot explain (newer, or a file changed after it was applied) is
left alone and reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

import msgspec

from hub.db.migrations import Migration, Recorded, migrations, whole
from hub.db.url import Address, parse
from hub.errors import MigrationError


class MigrationState(msgspec.Struct, frozen=True):
    """A file and what the database says of it. `checksum_ok` is None when nothing was recorded to compare with."""

    version: int
    name: str
    applied_at: datetime | None
    checksum_ok: bool | None


class Target(Protocol):
    """A database, locked against other migrators while it is open."""

    async def recorded(self) -> Mapping[int, Recorded]:
        """What was applied, by version; empty for a fresh database."""
        ...

    async def apply(self, migration: Migration) -> None:
        """Run a file, which records itself; raises MigrationError."""
        ...

    async def record_checksum(self, migration: Migration) -> None: ...


async def migrate(url: str) -> list[MigrationState]:
    """Apply what is missing; the files that were applied now.

    Raises MigrationError, DatabaseUnavailable, AddressInvalid. Waits while another migrator is at work.
    """
    address = parse(url)
    files = migrations(address.dialect)
    applied: list[Migration] = []
    async with _open(address, True) as target:
        before = await target.recorded()
        _explain(files, before, address)
        for migration in files:
            known = before.get(migration.version)
            if known is None:
                await target.apply(migration)
                applied.append(migration)
            if known is None or known.checksum is None:
                await target.record_checksum(migration)
        after = await target.recorded() if applied else before
    return [_state(migration, after) for migration in applied]


async def status(url: str) -> list[MigrationState]:
    """Every file and whether it was applied; changes nothing. Raises DatabaseUnavailable, AddressInvalid."""
    address = parse(url)
    async with _open(address, False) as target:
        recorded = await target.recorded()
    return [_state(migration, recorded) for migration in migrations(address.dialect)]


async def require_current(url: str) -> None:
    """Raises MigrationError when files are missing in the database, or it is newer than they; changes nothing."""
    address = parse(url)
    files = migrations(address.dialect)
    async with _open(address, False) as target:
        recorded = await target.recorded()
    _explain(files, recorded, address)
    missing = [migration.file for migration in files if migration.version not in recorded]
    if missing:
        raise MigrationError(f"{address.masked} lacks {', '.join(missing)}: run `hub migrate`")


def pending_sql(dialect: str, after: int = 0) -> str:
    """The SQL that a database at version `after` lacks, for psql or sqlite3; the whole schema by default."""
    return whole(dialect, after)


def _explain(files: Sequence[Migration], recorded: Mapping[int, Recorded], address: Address) -> None:
    by_version = {migration.version: migration for migration in files}
    for version, row in sorted(recorded.items()):
        migration = by_version.get(version)
        if migration is None:
            raise MigrationError(
                f"{address.masked} is newer than this hub: it has migration {version:04d} ({row.name}), the hub knows "
                f"{len(files):04d} and older; update the hub"
            )
        if row.checksum is not None and row.checksum != migration.checksum:
            raise MigrationError(
                f"{migration.file} was changed after it was applied to {address.masked}: restore the file, and put the "
                "change into a new one"
            )


def _state(migration: Migration, recorded: Mapping[int, Recorded]) -> MigrationState:
    row = recorded.get(migration.version)
    if row is None:
        return MigrationState(migration.version, migration.name, None, None)
    same = None if row.checksum is None else row.checksum == migration.checksum
    return MigrationState(migration.version, migration.name, row.applied_at, same)


def _open(address: Address, locked: bool) -> AbstractAsyncContextManager[Target]:
    # Drivers are imported only for the dialect that is used.
    match address.dialect:
        case "postgresql":
            from hub.db.postgresql.migration import PostgresTarget

            return PostgresTarget.open(address, locked=locked)
        case "sqlite":
            from hub.db.sqlite.migration import SqliteTarget

            return SqliteTarget.open(address, locked=locked)
        case "mysql":
            from hub.db.mysql import require_driver

            require_driver()
            from hub.db.mysql.migration import MysqlTarget

            return MysqlTarget.open(address, locked=locked)
    raise MigrationError(f"this version of the hub does not run on {address.dialect}")

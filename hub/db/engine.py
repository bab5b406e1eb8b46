"""Chooses the database that an address names."""

from __future__ import annotations

from hub.clock import Clock, SystemClock
from hub.db.settings import DatabaseSettings
from hub.db.url import parse
from hub.errors import AddressInvalid
from hub.ports import Database


def open_database(url: str, settings: DatabaseSettings | None = None, clock: Clock | None = None) -> Database:
    """The database at `url`, not started yet. Drivers are imported only for the dialect that is used."""
    address = parse(url)
    settings = settings or DatabaseSettings()
    clock = clock or SystemClock()
    match address.dialect:
        case "postgresql":
            from hub.db.postgresql.database import PostgresDatabase

            return PostgresDatabase(address, settings, clock)
        case "sqlite":
            from hub.db.sqlite.database import SqliteDatabase

            return SqliteDatabase(address, settings)
        case "mysql":
            from hub.db.mysql import require_driver

            require_driver()
            from hub.db.mysql.database import MysqlDatabase

            return MysqlDatabase(address, settings, clock)
    raise AddressInvalid(
        f"{address.masked}: {address.dialect} is not supported; use postgresql://, mysql:// or sqlite:///"
    )

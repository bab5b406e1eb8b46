"""Asks the database a question that people wrote: one statement, read-only, bounded in time, leaving no trace.

Invariant: whatever the text says, it runs on a connection of its own in a transaction that cannot write and is rolled
back, and it is the database's own parser that decides what it is; no other would read every text as the server does.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from hub.db.settings import DatabaseSettings
from hub.db.url import parse
from hub.errors import AddressInvalid, Transient

# A statement that begins otherwise is taken for an expression; if it is none, the parser says so.
_STATEMENT = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:SELECT|WITH)\b", re.IGNORECASE | re.DOTALL)


class ProbeFailed(Transient):
    """The question could be asked but not answered: something in it is missing, or it took too long."""

    code = "probe-failed"


class Probe(Protocol):
    """See the module."""

    async def ask(self, sql: str) -> Any:
        """The first value of the first row of a SELECT or WITH, or the value of an expression; None if there is no row.

        Raises Rejected for what is not one statement that can be parsed and only reads, ProbeFailed for an error while
        it ran, DatabaseUnavailable when the database is away.
        """
        ...


def open_probe(url: str, settings: DatabaseSettings | None = None, *, limit: float = 2.0) -> Probe:
    """A probe of the database at `url`, which answers within `limit` seconds."""
    address = parse(url)
    settings = settings or DatabaseSettings()
    match address.dialect:
        case "postgresql":
            from hub.db.postgresql.probe import PostgresProbe

            return PostgresProbe(address, settings, limit)
        case "sqlite":
            from hub.db.sqlite.probe import SqliteProbe

            return SqliteProbe(address, limit)
        case "mysql":
            from hub.db.mysql import require_driver

            require_driver()
            from hub.db.mysql.probe import MysqlProbe

            return MysqlProbe(address, settings, limit)
    raise AddressInvalid(
        f"{address.masked}: {address.dialect} is not supported; use postgresql://, mysql:// or sqlite:///"
    )


def question(sql: str) -> str:
    """The statement that asks for the value of `sql`."""
    # On lines of its own, so that a comment at its end takes nothing with it.
    return sql if _STATEMENT.match(sql) else f"SELECT (\n{sql}\n)"

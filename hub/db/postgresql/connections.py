"""Connections: how one is opened, and a small stack of them for the hub's own statements.

Invariant: a connection that saw an error of its own is closed, never lent again; those of the hub are never lent to
handlers, so that heartbeat, rescue and finish go on while every handler waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg

from hub.db.greeting import reason_of
from hub.db.postgresql.faults import translate
from hub.db.settings import DatabaseSettings
from hub.db.url import Address
from hub.errors import AddressInvalid, DatabaseUnavailable
from hub.ports import Row, Rows, Statement

_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def connect_arguments(address: Address, settings: DatabaseSettings) -> dict[str, Any]:
    """Keyword arguments of asyncpg.connect for an address (`sslmode` as libpq has it)."""
    sslmode = address.options.get("sslmode", "prefer")
    if sslmode not in _SSL_MODES:
        raise AddressInvalid(f"sslmode={sslmode!r} in {address.masked}: choose one of {', '.join(_SSL_MODES)}")
    return {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password,
        "database": address.database,
        "ssl": False if sslmode == "disable" else sslmode,
        "timeout": settings.connect_timeout,
        "command_timeout": settings.command_timeout,
        "server_settings": {
            "application_name": settings.application_name,
            "jit": "off",  # compiling a claim takes longer than running it
            "client_connection_check_interval": "5s",  # a worker that is gone stops holding its locks
            # a worker that hangs, or lies behind a cut network, stops holding its locks
            "idle_in_transaction_session_timeout": f"{int(settings.transaction_timeout * 1000) + 1000}ms",
            "TimeZone": "UTC",
            # what a database or a role may preset otherwise, and the hub's statements are not written for
            "default_transaction_isolation": "read committed",
            "standard_conforming_strings": "on",
        },
    }


# Every statement of the hub is meant for an index. While a table is small, or its statistics are from when it was, the
# planner would read it whole: right for that moment, ruinous for the statement that is planned once and kept. Without
# this it still would, by an index from end to end in order to merge; so statements join a table by
# `id = ANY (ARRAY[v.id])`, which is no way to merge or to hash, and leaves the index alone.
BY_INDEX = {"enable_seqscan": "off", "random_page_cost": "1.1"}


async def connect(address: Address, settings: DatabaseSettings) -> asyncpg.Connection[Any]:
    """A new connection for the hub's own statements; raises DatabaseUnavailable with the address (never its
    password)."""
    arguments = connect_arguments(address, settings)
    arguments["server_settings"] |= BY_INDEX
    try:
        return await asyncpg.connect(**arguments)
    except Exception as error:
        reason = reason_of(error, address) or f"{type(error).__name__}: {error}".splitlines()[0]
        raise DatabaseUnavailable(f"cannot connect to {address.masked}: {reason}") from error


async def execute(
    connection: asyncpg.Connection[Any], statement: Statement, rows: Rows, scalars: dict[str, Any]
) -> list[Row]:
    """Run a statement on a connection: a batch travels as one array of rows where the statement says :rows, which has a
    type of its own then; else as one array a column, empty for a column without any value (unnest fills it up; the
    driver looks at each element of an array)."""
    if "rows" in statement.order:
        given = {**scalars, "rows": rows}
        return cast(list[Row], await connection.fetch(statement.texts[0], *(given[name] for name in statement.order)))
    columns: dict[str, Sequence[Any]] = {}
    if statement.columns:
        columns = (
            {
                name: () if values[0] is None and values.count(None) == len(values) else values
                for name, values in zip(statement.columns, zip(*rows, strict=True), strict=True)
            }
            if rows
            else dict.fromkeys(statement.columns, ())
        )
    values = [columns[name] if name in columns else scalars[name] for name in statement.order]
    answer: list[Row] = await connection.fetch(statement.texts[0], *values)
    return answer


class Connections:
    """Up to `size` connections, the one used last lent first."""

    def __init__(self, address: Address, settings: DatabaseSettings, size: int) -> None:
        self._address = address
        self._settings = settings
        self._idle: deque[asyncpg.Connection[Any]] = deque()
        self._room = asyncio.Semaphore(size)
        self._closed = False

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[asyncpg.Connection[Any]]:
        """A connection for the block; errors of the database leave as the hub's."""
        async with self._room:
            if self._closed:
                raise DatabaseUnavailable("the database is closed")
            connection = await self._take()
            sound = False
            try:
                yield connection
                sound = True
            except BaseException as error:
                # an error the server reported leaves the connection usable; anything else does not
                sound = isinstance(error, asyncpg.PostgresError) and not connection.is_closed()
                translated = translate(error)
                if translated is None:
                    raise
                raise translated from error
            finally:
                if sound and not connection.is_closed() and not self._closed:
                    self._idle.append(connection)
                else:
                    connection.terminate()

    async def _take(self) -> asyncpg.Connection[Any]:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await connect(self._address, self._settings)

    async def close(self) -> None:
        self._closed = True
        while self._idle:
            connection = self._idle.pop()
            try:
                await connection.close(timeout=2)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()

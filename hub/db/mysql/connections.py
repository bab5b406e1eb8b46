"""A small stack of connections for the hub's own statements, each statement in a transaction of its own.

Invariant: whatever fails is rolled back, also after a lock timeout, when the server would keep the statements before; a
connection in doubt is closed, never lent again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from hub.clock import Clock
from hub.db.mysql.connector import Connector, leave
from hub.db.mysql.faults import translate
from hub.db.mysql.statements import Row, execute, parameters
from hub.db.settings import DatabaseSettings
from hub.errors import DatabaseUnavailable, TransactionConflict
from hub.ports import Call, Rows, Statement

_RERUNS = 3
_T = TypeVar("_T")


async def run(
    connector: Connector, connection: Any, statement: Statement, rows: Rows, scalars: dict[str, Any]
) -> list[Row]:
    """Run a statement on a connection in autocommit, several texts in one transaction; raises the driver's errors."""
    named = parameters(statement, rows, scalars)
    limit = connector.server(connection).largest
    if len(statement.texts) == 1:
        return await execute(connection, statement, named, limit)
    await connection.begin()
    try:
        answer = await execute(connection, statement, named, limit)
        await connection.commit()
    except Exception:
        if connection.connected:
            await connection.rollback()
        raise
    return answer


async def run_behind(connector: Connector, connection: Any, calls: Sequence[Call]) -> list[Row] | None:
    """Run statements in one transaction; None, with nothing run behind it, if the first answers no row."""
    limit = connector.server(connection).largest
    answer: list[Row] = []
    await connection.begin()
    try:
        for number, call in enumerate(calls):
            named = parameters(call.statement, call.rows, call.scalars)
            answer = await execute(connection, call.statement, named, limit)
            if number == 0 and not answer:
                await connection.rollback()
                return None
        await connection.commit()
    except Exception:
        if connection.connected:
            await connection.rollback()
        raise
    return answer if len(calls) > 1 else []


async def rerun(work: Callable[[], Awaitable[_T]]) -> _T:
    """Do a transaction again, from its beginning, when the server asks for that."""
    for _ in range(_RERUNS - 1):
        try:
            return await work()
        except TransactionConflict:
            continue
    return await work()


class Connections:
    """Up to `size` connections, the one used last lent first."""

    def __init__(self, connector: Connector, settings: DatabaseSettings, clock: Clock, size: int) -> None:
        self._connector = connector
        self._clock = clock
        self._timeout = settings.command_timeout
        # The server ends a connection that is idle for longer than a transaction may be.
        self._fresh = settings.transaction_timeout / 2
        self._idle: deque[tuple[Any, float]] = deque()
        self._room = asyncio.Semaphore(size)
        self._closed = False

    async def run(self, statement: Statement, rows: Rows, scalars: dict[str, Any]) -> list[Row]:
        """Run a statement, again if it was the victim of a deadlock; errors of the database leave as the hub's."""
        return await rerun(lambda: self._run(statement, rows, scalars))

    async def run_behind(self, calls: Sequence[Call]) -> list[Row] | None:
        """See hub.ports.Database; again from the beginning if it was the victim of a deadlock."""
        return await rerun(lambda: self._run_behind(calls))

    async def _run_behind(self, calls: Sequence[Call]) -> list[Row] | None:
        async with self.lend() as connection:
            return await run_behind(self._connector, connection, calls)

    async def _run(self, statement: Statement, rows: Rows, scalars: dict[str, Any]) -> list[Row]:
        async with self.lend() as connection:
            return await run(self._connector, connection, statement, rows, scalars)

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Any]:
        """A connection for the block; errors of the database leave as the hub's."""
        async with self._room:
            if self._closed:
                raise DatabaseUnavailable("the database is closed")
            connection = await self._take()
            sound = False
            try:
                async with asyncio.timeout(self._timeout):
                    yield connection
                sound = True
            except BaseException as error:
                # After an error that the server reported the connection is usable; `run` has rolled back.
                sound = isinstance(error, Exception) and connection.connected
                translated = translate(error)
                sound = sound and not isinstance(translated, DatabaseUnavailable)
                if translated is None or translated is error:
                    raise
                raise translated from error
            finally:
                if not sound:
                    self._connector.abandon(connection)
                else:
                    self._put(connection)

    async def _take(self) -> Any:
        oldest = self._clock.monotonic() - self._fresh
        while self._idle:
            connection, since = self._idle.pop()
            if connection.connected and since > oldest:
                return connection
            leave(connection)
        return await self._connector.open()

    def _put(self, connection: Any) -> None:
        if self._closed:
            leave(connection)
        else:
            self._idle.append((connection, self._clock.monotonic()))

    async def close(self) -> None:
        self._closed = True
        while self._idle:
            connection, _ = self._idle.pop()
            leave(connection)

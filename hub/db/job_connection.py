"""The connection a handler gets: it begins at its first use and is ended by the hub alone.

Invariant: nothing that a handler does through it, be it Core, ORM sessions, text or driver SQL, ends the job's
transaction; what tries to is refused and remembered in `violation`. A connection that was lost is never silently
replaced by a second one, and one whose job has ended raises ResourceClosedError.

A handler in a thread has the same connection: outside of an event loop a statement is handed over whole, to be run on
the loop as any other, where its cancellation and its errors are dealt with.

ORM sessions work on the synchronous Connection, hence a subclass of that and no wrapper of AsyncConnection. The
names of SQLAlchemy that it overrides are private in part; a test holds their signatures, and the minor is pinned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn, cast

from sqlalchemy.engine import Connection, Engine, NestedTransaction, RootTransaction, TwoPhaseTransaction
from sqlalchemy.engine.interfaces import Dialect, ExecutionContext
from sqlalchemy.exc import ResourceClosedError
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql.compiler import Compiled
from sqlalchemy.util import await_only, greenlet_spawn

from hub.db.guard import refusal
from hub.db.traces import Trace, trace
from hub.errors import DatabaseUnavailable, HandlerEndedTransaction, HubError, TransactionAborted

Opener = Callable[[], Awaitable[PoolProxiedConnection]]
"""Hands over a connection on which a transaction has begun (or begins with the next statement). Awaited at most once
with success; what it raises goes to the handler as it is."""

Abandon = Callable[[PoolProxiedConnection], Awaitable[None]]
"""Takes back a connection that was opened for a job which has ended meanwhile: rolls back and releases it."""

Ready = Callable[[], PoolProxiedConnection | None]
"""The same without waiting, where the connection is there already."""

_ENDED = "the job has ended, and job.db with it"
_USE_SAVEPOINTS = "use begin_nested() for a part that may be undone, or raise to undo everything"


class JobConnection(Connection):
    """A synchronous Connection in the job's own transaction; `job.db` is an AsyncConnection around it.

    `engine` must not begin transactions by itself (isolation level AUTOCOMMIT, or a dialect that leaves it alone).
    `left` is told what a statement leaves on the connection, before it is sent.
    """

    def __init__(self, engine: Engine, opener: Opener, abandon: Abandon, ready: Ready | None = None) -> None:
        # Anything but None: SQLAlchemy would check a connection out of the pool. No events: they cost 5 to 12 %.
        super().__init__(engine, connection=cast(PoolProxiedConnection, engine), _has_events=False)
        self._dbapi_connection = None
        self._opener = opener
        self._abandon = abandon
        self._ready = ready
        self.left: Callable[[Trace], None] = _nobody
        self._opening: asyncio.Future[None] | None = None
        self._opened = False
        self._ended = False
        self._running = 0
        self._violation: HandlerEndedTransaction | None = None
        self._lost_by: BaseException | None = None

    # --- what the hub asks -----------------------------------------------------------------------------------------

    @property
    def opened(self) -> bool:
        """Whether the transaction has begun, even if it was lost or has ended since."""
        return self._opened

    @property
    def ended(self) -> bool:
        return self._ended

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Around a statement of the hub's own in this transaction: it counts as one of the handler's."""
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    @property
    def busy(self) -> bool:
        """Whether a statement is under way, or the opening of the transaction."""
        return self._running > 0 or self._opening is not None

    @property
    def violation(self) -> HandlerEndedTransaction | None:
        """What the handler tried and must not, though it swallowed the error."""
        return self._violation

    @property
    def held(self) -> PoolProxiedConnection | None:
        """The connection of the open transaction; None before the first use, after a loss and after the end."""
        return self._dbapi_connection

    async def open(self) -> PoolProxiedConnection:
        """The connection of the transaction, which is opened if need be: the hub's own first use."""
        if self._dbapi_connection is not None:
            return self._dbapi_connection
        if not (self._opened or self._ended) and self._ready is not None and (held := self._ready()) is not None:
            return self._adopt(held)
        return await greenlet_spawn(self._revalidate_connection)

    def check_finish(self) -> None:
        """Raise what forbids to commit: a violation, a nested transaction left open, a lost connection."""
        if self._violation is not None:
            raise self._violation
        if self._nested_transaction is not None:
            self.refuse("a nested transaction (or an ORM session) is still open at the end of the handler")
        if not self._opened or self._ended or self._dbapi_connection is not None:
            return
        if self._lost_by is None or isinstance(self._lost_by, Exception):
            raise DatabaseUnavailable("the connection of job.db was lost") from self._lost_by
        # The handler cut its own statement short (a time-out around it, say) and went on: that attempt has failed, and
        # must be counted, or it would come back for ever.
        raise TransactionAborted("a statement on job.db was cancelled, which undid the transaction") from self._lost_by

    def check_undo(self) -> None:
        """Raise what makes a savepoint useless: the transaction it was set in is gone."""
        if self._opened and not self._ended and self._dbapi_connection is None:
            raise DatabaseUnavailable("the connection of job.db was lost") from self._lost_by

    def mark_ended(self) -> None:
        """From now on every use raises ResourceClosedError. Sends nothing: the hub has ended the transaction."""
        self._ended = True
        self._dbapi_connection = None
        if self._nested_transaction is not None:
            self._nested_transaction._cancel()
        if self._transaction is not None:
            self._transaction.is_active = False
        self._transaction = None
        if self._opening is None:
            # Bound methods of an object that holds this one: jobs are many, and should not wait for the collector.
            self._opener = self._abandon = _nothing_left
            self._ready = None
            self.left = _nobody

    def refuse(self, what: str) -> NoReturn:
        """Remember a violation and raise it; the first one is kept."""
        error = HandlerEndedTransaction(f"{what}: the job's transaction belongs to the hub; {_USE_SAVEPOINTS}")
        if self._violation is None:
            self._violation = error
        raise error

    # --- opening at first use --------------------------------------------------------------------------------------

    def _revalidate_connection(self) -> PoolProxiedConnection:
        # SQLAlchemy calls this, inside its greenlet, whenever it finds no connection.
        if asyncio._get_running_loop() is None:
            return await_only(greenlet_spawn(self._revalidate_connection))
        while self._opening is not None:  # another task of the same handler was first
            await_only(asyncio.shield(self._opening))
        if self._dbapi_connection is not None:
            return self._dbapi_connection
        if self._ended:
            self._raise_ended()
        if self._opened:
            self._invalid_transaction()
        if self._ready is not None and (ready := self._ready()) is not None:
            return self._adopt(ready)
        opening = self._opening = asyncio.get_running_loop().create_future()
        try:
            held = await_only(self._opener())
        finally:
            self._opening = None
            opening.set_result(None)
        if self.ended:  # while the opener waited
            await_only(self._abandon(held))
            self._raise_ended()
        return self._adopt(held)

    def _adopt(self, held: PoolProxiedConnection) -> PoolProxiedConnection:
        self._dbapi_connection = held
        self._opened = True
        RootTransaction(self)
        return held

    def _raise_ended(self) -> NoReturn:
        raise ResourceClosedError(_ENDED)

    def _autobegin(self) -> None:
        self._revalidate_connection()

    def _begin_impl(self, transaction: RootTransaction) -> None:
        # The opener has begun, or carries BEGIN along with the first statement.
        pass

    # --- what a handler must not -----------------------------------------------------------------------------------

    def begin(self) -> RootTransaction:
        self.refuse("begin()")

    def begin_twophase(self, xid: Any | None = None) -> TwoPhaseTransaction:
        self.refuse("begin_twophase()")

    def commit(self) -> None:
        self.refuse("commit()")

    def rollback(self) -> None:
        self.refuse("rollback()")

    def close(self) -> None:
        self.refuse("close()")

    def detach(self) -> None:
        self.refuse("detach()")

    def _commit_impl(self) -> None:
        # Reached by transaction objects and by sessions.
        self.refuse("commit()")

    def _rollback_impl(self) -> None:
        self.refuse("rollback()")

    def execution_options(self, **opt: Any) -> Connection:
        if "isolation_level" in opt:
            self.refuse("execution_options(isolation_level=…)")
        return super().execution_options(**opt)

    def _execute_context(
        self,
        dialect: Dialect,
        constructor: Callable[..., ExecutionContext],
        statement: str | Compiled,
        parameters: Any,
        execution_options: Any,
        *args: Any,
        **kw: Any,
    ) -> Any:
        # Every statement comes through here: Core, text, DDL, driver SQL, those of sessions.
        if asyncio._get_running_loop() is None:
            whole = partial(self._execute_context, dialect, constructor, statement, parameters, execution_options)
            return await_only(greenlet_spawn(whole, *args, **kw))
        sql = str(statement)
        if (why := refusal(sql)) is not None:
            self.refuse(why)
        if (found := trace(sql)) is not Trace.NONE:
            self.left(found)
        self._running += 1
        try:
            return super()._execute_context(dialect, constructor, statement, parameters, execution_options, *args, **kw)
        finally:
            self._running -= 1

    # --- ORM sessions join by a savepoint of their own ---------------------------------------------------------------

    def in_transaction(self) -> bool:
        return True

    def in_nested_transaction(self) -> bool:
        # Makes a session's default mode, conditional_savepoint, choose create_savepoint.
        return True

    def _get_required_transaction(self) -> RootTransaction:
        self.refuse("a session whose join_transaction_mode is not 'create_savepoint'")

    def _get_required_nested_transaction(self) -> NestedTransaction:
        self.refuse("a session whose join_transaction_mode is not 'create_savepoint'")

    # --- errors ------------------------------------------------------------------------------------------------------

    def _handle_dbapi_exception(self, e: BaseException, *args: Any, **kw: Any) -> NoReturn:
        if isinstance(e, HubError):  # from the opener, or from a cursor that knows better: not to be wrapped
            raise e
        held = self._dbapi_connection
        try:
            super()._handle_dbapi_exception(e, *args, **kw)
        finally:
            if held is not None and self._dbapi_connection is None:
                self._lost_by = e

    @property
    def closed(self) -> bool:
        return self._ended


def _nobody(_found: Trace) -> None:
    pass


async def _nothing_left(*_: object) -> NoReturn:
    raise ResourceClosedError(_ENDED)

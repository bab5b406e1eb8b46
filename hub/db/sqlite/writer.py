"""The one writer of a file: a thread with its connection, and the turn of who may use it.

Invariant: between a BEGIN and its end nothing but that transaction's own statements reaches the connection. The turn is
passed on as soon as the last work of a transaction is submitted, not when it is done: the thread works in order, and
that last work ends the transaction whatever happens.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from hub.db.settings import DatabaseSettings
from hub.db.sqlite.connect import WritingConnection
from hub.db.sqlite.faults import translate
from hub.db.sqlite.thread import ConnectionThread, Dropped, Request
from hub.db.sqlite.turn import Turn
from hub.errors import DatabaseUnavailable, HandlerEndedTransaction, HubError, TransactionAborted

_T = TypeVar("_T")
Work = Callable[[sqlite3.Connection], _T]
"""Something to do on the connection, in its thread."""

_log = logging.getLogger("hub.db")


class Writer:
    """`connect` opens the connection, in the thread; `name` is told in the log."""

    def __init__(self, name: str, connect: Callable[[], WritingConnection], settings: DatabaseSettings) -> None:
        self._name = name
        self._settings = settings
        self._thread = ConnectionThread(f"hub-sqlite-writer {name}", connect)
        self._turn = Turn()

    async def start(self) -> None:
        """Raises DatabaseUnavailable when the file cannot be opened."""
        await self._thread.start()

    async def stop(self) -> None:
        """Do what was submitted, undo what is open, close; tolerates never-started and twice."""
        self._turn.close()
        await self._thread.stop()

    async def run(self, work: Work[_T]) -> _T:
        """One whole transaction in one hop, ahead of waiting jobs; errors of the database leave as the hub's."""
        await self._turn.take(urgent=True)
        try:
            request = self._thread.submit(partial(_whole, work))
        finally:
            self._turn.pass_on()
        try:
            return await request.future
        except asyncio.CancelledError:
            self._thread.drop(request)
            raise
        except Exception as error:
            raise translate(error) or error from error

    async def hold(self, name: str) -> WriteHold:
        """Wait for the turn and hold it until the transaction ends; `name` says in the log who."""
        await self._turn.take()
        return WriteHold(self._thread, self._turn, self._settings, f"{name} (in {self._name})")


class WriteHold:
    """The write turn while one transaction has it. The transaction begins with its first work.

    Past `transaction_warning` the log names the holder, past `transaction_timeout` the transaction is undone and the
    turn goes on: everybody waits for the one who holds it.
    """

    __slots__ = (
        "_begun",
        "_left",
        "_name",
        "_reason",
        "_requests",
        "_settings",
        "_since",
        "_thread",
        "_timer",
        "_turn",
    )

    def __init__(
        self, thread: ConnectionThread[WritingConnection], turn: Turn, settings: DatabaseSettings, name: str
    ) -> None:
        self._thread = thread
        self._turn = turn
        self._settings = settings
        self._name = name
        self._begun = False  # this and _reason are also written in the thread
        self._left = False
        self._reason: HubError | None = None
        self._requests: set[Request[Any]] = set()
        loop = asyncio.get_running_loop()
        self._since = loop.time()
        self._timer = loop.call_later(min(settings.transaction_warning, settings.transaction_timeout), self._look)

    @property
    def left(self) -> bool:
        """Whether the turn was passed on; the transaction has ended then, or is about to, in order."""
        return self._left

    async def execute(self, work: Work[_T]) -> _T:
        """One hop inside the transaction; errors of SQLite leave as they are.

        A cancelled caller undoes the transaction: nobody knows how far its statement came.
        """
        if self._left:
            raise self._gone()
        request = self._thread.submit(partial(self._step, work))
        self._requests.add(request)
        try:
            return await request.future
        except asyncio.CancelledError:
            self._end_early(TransactionAborted("a statement was cancelled, which undid the transaction"))
            raise
        except (sqlite3.Error, Dropped) as error:
            if self._left:
                raise self._gone() from error
            raise
        finally:
            self._requests.discard(request)

    async def commit(self, work: Work[bool]) -> bool:
        """The last work and COMMIT in one hop; undone if `work` answers False or anything fails.

        The turn is passed on at once. A cancelled caller does not stop it.
        """
        if self._left:
            raise self._gone()
        request = self._thread.submit(partial(self._finish, work))
        self._leave()
        return await request.future

    def discard(self) -> None:
        """Undo everything and pass the turn on; harmless when it ended already."""
        self._end_early(None)

    # --- in the event loop -------------------------------------------------------------------------------------------

    def _end_early(self, reason: HubError | None) -> None:
        if self._left:
            return
        self._reason = self._reason or reason
        self._left = True
        for request in self._requests:
            self._thread.drop(request)
        try:
            self._thread.submit(_roll_back)
        except DatabaseUnavailable:
            pass  # closing the connection undoes it
        self._leave()

    def _leave(self) -> None:
        self._left = True
        self._timer.cancel()
        self._turn.pass_on()

    def _gone(self) -> HubError:
        return self._reason or TransactionAborted(f"the transaction of {self._name} has ended")

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        held, limit = loop.time() - self._since, self._settings.transaction_timeout
        if held >= limit:
            _log.error("%s held the write turn for %.1f s: its transaction is undone", self._name, held)
            self._end_early(TransactionAborted(f"held the write turn for {held:.1f} s, longer than {limit:g} s"))
            return
        _log.warning(
            "%s has held the write turn for %.1f s and %d others wait; calls to the outside belong before job.db",
            *(self._name, held, self._turn.waiting),
        )
        self._timer = loop.call_later(limit - held, self._look)

    # --- in the thread -----------------------------------------------------------------------------------------------

    def _step(self, work: Work[_T], connection: WritingConnection) -> _T:
        self._enter(connection)
        try:
            answer = work(connection)
        except sqlite3.Error as error:
            if not connection.in_transaction:
                self._reason = _undone_by(error)
            raise
        if not connection.in_transaction:
            self._reason = HandlerEndedTransaction("a statement ended the job's transaction; what came before stands")
            raise self._reason
        return answer

    def _finish(self, work: Work[bool], connection: WritingConnection) -> bool:
        try:
            self._enter(connection)
            if kept := work(connection):
                connection.execute("COMMIT")
            return kept
        finally:
            _roll_back(connection)

    def _enter(self, connection: WritingConnection) -> None:
        if not self._begun:
            _begin(connection)
            self._begun = True
        elif not connection.in_transaction:
            # Without this a handler that swallowed "disk full", which undoes the transaction, would go on without one.
            raise self._reason or TransactionAborted("the transaction was undone")


def _undone_by(error: sqlite3.Error) -> HubError:
    if isinstance(error, sqlite3.IntegrityError):
        return HandlerEndedTransaction(f"ON CONFLICT ROLLBACK ended the job's transaction: {error}")
    return translate(error) or TransactionAborted(str(error))


def _whole(work: Work[_T], connection: WritingConnection) -> _T:
    _begin(connection)
    try:
        answer = work(connection)
        connection.execute("COMMIT")
        return answer
    finally:
        _roll_back(connection)


def _begin(connection: WritingConnection) -> None:
    connection.check_files()
    # IMMEDIATE: a transaction that reads first and then finds somebody wrote meanwhile cannot wait, it only fails.
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        raise translate(error) or error from error


def _roll_back(connection: sqlite3.Connection) -> None:
    """Harmless when there is no transaction."""
    try:
        connection.rollback()
    except sqlite3.Error:
        _log.exception("ROLLBACK failed")

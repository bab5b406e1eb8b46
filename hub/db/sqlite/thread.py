"""A thread with one sqlite3 connection: work is handed to it whole, one hop there and one back.

Invariant: work is done in the order in which it was submitted, whoever submitted it, and only in the thread. So what
must come before something else only needs to be submitted before it: a COMMIT before the next job's BEGIN, a ROLLBACK
behind the statement that was cut short. An interruption hits the work it was meant for, never the next.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from hub.db.sqlite.faults import translate
from hub.errors import DatabaseUnavailable

_T = TypeVar("_T")
_C = TypeVar("_C", bound=sqlite3.Connection)
# A statement that is between two calls of the library does not notice an interruption: it is repeated.
_INTERRUPT_AGAIN = 0.02


class Dropped(Exception):
    """The work was taken back before it began; nobody waits for this answer but a task that shared the work."""


class Request(Generic[_T]):
    """Work on its way: `future` belongs to the event loop that asked."""

    __slots__ = ("answered", "dropped", "future", "loop", "work")

    def __init__(self, work: Callable[[Any], _T]) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[_T] = self.loop.create_future()
        self.dropped = False
        self.answered = False

    def answer(self, result: Any, error: BaseException | None) -> None:
        """Called in the thread."""
        self.answered = True
        try:
            self.loop.call_soon_threadsafe(self._settle, result, error)
        except RuntimeError:
            # The loop that asked has closed; nobody waits for the answer.
            pass

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


class ConnectionThread(Generic[_C]):
    """One thread, one connection; `connect` is called in the thread."""

    def __init__(self, name: str, connect: Callable[[], _C]) -> None:
        self._connect = connect
        self._requests: SimpleQueue[Request[Any] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._opening: Request[None] | None = None
        self._switch = threading.Lock()
        self._current: Request[Any] | None = None
        self._connection: _C | None = None
        self._closed = False
        self.pending = 0
        """How many `run` wait for their answer: for choosing the idlest of several threads."""

    async def start(self) -> None:
        """Open the connection; raises what `connect` raises."""
        self._opening = Request(lambda _connection: None)
        self._thread.start()
        await self._opening.future

    async def stop(self) -> None:
        """Do what was submitted, close the connection and end; tolerates never-started and twice."""
        self._closed = True
        if self._thread.is_alive():
            self._requests.put(None)
            await asyncio.to_thread(self._thread.join)

    def submit(self, work: Callable[[_C], _T]) -> Request[_T]:
        """Queue work behind all that was submitted before; raises DatabaseUnavailable before `start`, after `stop`."""
        if self._closed or self._connection is None:
            raise DatabaseUnavailable("the database is not open")
        request = Request(work)
        self._requests.put(request)
        return request

    async def run(self, work: Callable[[_C], _T]) -> _T:
        """Have work done and await its answer; a cancelled caller takes it back, or cuts it short if it runs."""
        request = self.submit(work)
        self.pending += 1
        try:
            return await request.future
        except asyncio.CancelledError:
            self.drop(request)
            raise
        finally:
            self.pending -= 1

    def drop(self, request: Request[Any]) -> None:
        """Skip work that has not begun, and interrupt it if it runs: it fails with SQLITE_INTERRUPT."""
        request.dropped = True
        with self._switch:  # held, so that the thread cannot go on to other work before interrupt() has hit this one
            if self._current is request and self._connection is not None:
                self._connection.interrupt()
        if not request.answered:
            request.loop.call_later(_INTERRUPT_AGAIN, self._drop_again, request)

    def _drop_again(self, request: Request[Any]) -> None:
        if not request.answered:
            self.drop(request)

    # --- in the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        opening = self._opening
        if opening is None:
            return
        try:
            connection = self._connect()
        except Exception as error:
            opening.answer(None, translate(error) or error)
            return
        self._connection = connection
        opening.answer(None, None)
        try:
            while (request := self._requests.get()) is not None:
                self._serve(connection, request)
        finally:
            with self._switch:
                self._connection = None
            connection.close()

    def _serve(self, connection: _C, request: Request[Any]) -> None:
        result, fault = None, None
        with self._switch:
            self._current = request
        try:
            if request.dropped:
                raise Dropped("taken back before it began")
            result = request.work(connection)
        except BaseException as error:  # whatever it is belongs to who asked, and must not end the thread
            fault = error
        with self._switch:
            self._current = None
        request.answer(result, fault)

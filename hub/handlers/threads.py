"""Threads for handlers that are not async, and the bridge that leads from such a thread to the event loop.

Invariant: whatever a handler in a thread asks for happens on the event loop, in the order in which it asked, and only
as long as its attempt lasts. Once that is over nothing of it is under way any more, and every further call raises
AttemptEnded. A thread cannot be stopped: one that goes on is left alone, and keeps no hub from ending.

The handler runs in a greenlet, as SQLAlchemy's own sync calls do below an AsyncConnection; what it would await is
handed to the loop by the thread around it. The names of SQLAlchemy used for that are private; a test holds them, and
the minor is pinned.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextvars import Context, copy_context
from itertools import count
from typing import Any

from sqlalchemy.util.concurrency import _concurrency_shim as _greenlets

from hub.errors import HubError
from hub.telemetry import get_logger

_log = get_logger("hub.handlers")

_IDLE = 10.0
"""Seconds after which a thread that has nothing to do ends."""
_ENDED = "the attempt has ended (time-out, cancellation, shutdown), and with it everything its thread may do"


class AttemptEnded(HubError):
    """A thread went on after its attempt had ended; nothing of what it does now counts."""

    code = "attempt-ended"


class Bridge:
    """One attempt's way from its thread to the event loop."""

    __slots__ = ("_ended", "_loop", "_under_way")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._under_way: set[asyncio.Task[Any]] = set()
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the attempt is over."""
        return self._ended

    # --- in the thread -----------------------------------------------------------------------------------------------

    def tell(self, function: Callable[..., object], *values: Any) -> None:
        """Have `function` called on the event loop, and do not wait. Raises AttemptEnded."""
        self._post(self._told, function, values)

    def wait(self, awaitable: Awaitable[Any]) -> Any:
        """The result of `awaitable`, awaited on the event loop. Raises what it raises, and AttemptEnded."""
        answer: Future[Any] = Future()
        try:
            self._post(self._begin, awaitable, answer)
        except AttemptEnded:
            _close(awaitable)
            raise
        return answer.result()

    def drive(self, function: Callable[[], Any], context: Context) -> Any:
        """Call `function` in this thread; what SQLAlchemy awaits below it goes over the bridge."""
        body = _greenlets._AsyncIoGreenlet(function, _greenlets.getcurrent())
        body.gr_context = context
        answer = body.switch()
        while not body.dead:
            try:
                value = self.wait(answer)
            except BaseException as error:  # the handler's to deal with, whatever it is
                answer = body.throw(type(error), error, error.__traceback__)
            else:
                answer = body.switch(value)
        return answer

    def _post(self, function: Callable[..., None], *values: Any) -> None:
        if self._ended:
            raise AttemptEnded(_ENDED)
        try:
            self._loop.call_soon_threadsafe(function, *values)
        except RuntimeError as error:  # the loop is closed
            raise AttemptEnded(_ENDED) from error

    # --- on the event loop -------------------------------------------------------------------------------------------

    async def end(self) -> bool:
        """Nothing of the attempt happens any more; what is under way is cancelled. Whether something was."""
        self._ended = True
        under_way = list(self._under_way)
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way)
        return bool(under_way)

    def _told(self, function: Callable[..., object], values: tuple[Any, ...]) -> None:
        if not self._ended:
            function(*values)

    def _begin(self, awaitable: Awaitable[Any], answer: Future[Any]) -> None:
        if self._ended:
            _close(awaitable)
            answer.set_exception(AttemptEnded(_ENDED))
            return
        task = self._loop.create_task(_awaited(awaitable))
        self._under_way.add(task)
        task.add_done_callback(lambda done: self._answer(done, answer))

    def _answer(self, task: asyncio.Task[Any], answer: Future[Any]) -> None:
        self._under_way.discard(task)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if self._ended:
            answer.set_exception(AttemptEnded(_ENDED))
        elif error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(task.result())


async def run(function: Callable[[Bridge], Any], name: str) -> Any:
    """The result of `function` in a thread, with the caller's context variables. `name` is told in the log.

    Cancelled, it ends the bridge; the thread itself may go on.
    """
    loop = asyncio.get_running_loop()
    bridge, done, context = Bridge(loop), loop.create_future(), copy_context()

    def work() -> None:
        result: Any = None
        error: BaseException | None = None
        try:
            result = bridge.drive(lambda: function(bridge), context)
        except (StopIteration, GeneratorExit) as stop:  # whoever awaits a future would wait for ever, or be ended by it
            error = RuntimeError(f"the handler raised {type(stop).__name__}")
            error.__cause__ = stop
        except BaseException as raised:  # SystemExit and the like: it is the attempt that they end
            error = raised
        try:
            loop.call_soon_threadsafe(_settle, done, result, error)
        except RuntimeError:
            _log.debug("a thread outlived its hub", handler=name)

    _threads.submit(work)
    try:
        return await done
    finally:
        if not await bridge.end() and not done.done():
            _log.warning("a handler goes on in its thread after its attempt has ended", handler=name)


class Threads:
    """As many threads as are asked for at once; one that is free takes the next work. How many that are is bounded by
    the hub's workers, as each of them waits for its handler. `idle` in seconds."""

    def __init__(self, idle: float = _IDLE) -> None:
        self._idle = idle
        self._free: list[queue.SimpleQueue[Callable[[], None]]] = []
        self._lock = threading.Lock()
        self._numbers = count(1)

    def submit(self, work: Callable[[], None]) -> None:
        """Have `work`, which raises nothing, done in a thread, at once."""
        with self._lock:
            inbox = self._free.pop() if self._free else None
        if inbox is not None:
            inbox.put(work)
            return
        inbox = queue.SimpleQueue()
        inbox.put(work)
        # Daemons: the interpreter would wait for a handler that never returns.
        threading.Thread(
            target=self._live, args=(inbox,), name=f"hub-handler-{next(self._numbers)}", daemon=True
        ).start()

    def _live(self, inbox: queue.SimpleQueue[Callable[[], None]]) -> None:
        while (work := self._next(inbox)) is not None:
            work()
            del work  # it holds the job
            with self._lock:
                self._free.append(inbox)

    def _next(self, inbox: queue.SimpleQueue[Callable[[], None]]) -> Callable[[], None] | None:
        try:
            return inbox.get(timeout=self._idle)
        except queue.Empty:
            with self._lock:
                if inbox in self._free:
                    self._free.remove(inbox)
                    return None
        return inbox.get()  # somebody has just chosen this thread


_threads = Threads()


def _settle(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if done.done():  # nobody waits any more
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _close(awaitable: Awaitable[Any]) -> None:
    """A coroutine that nobody is going to await."""
    if asyncio.iscoroutine(awaitable):
        awaitable.close()

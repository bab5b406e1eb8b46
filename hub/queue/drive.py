"""Awaits a handler inside the runner's own task, in a context of its own.

Invariant: a handler that never waits for anything costs no task, no timer and no trip through the event loop; context
variables it sets are gone with it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from typing import Any


class Drive:
    """`await Drive(coroutine, suspended)`: like `await coroutine`, and `suspended()` is called at its first wait; so is
    `watch`, if given, at each."""

    __slots__ = ("_coroutine", "_suspended", "_watch")

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Any],
        suspended: Callable[[], None],
        watch: Callable[[], None] | None = None,
    ) -> None:
        self._coroutine = coroutine
        self._suspended = suspended
        self._watch = watch

    def __await__(self) -> Generator[Any, Any, Any]:
        run = copy_context().run
        send, throw, watch = self._coroutine.send, self._coroutine.throw, self._watch
        closed = False
        try:
            waited_for = run(send, None)
            self._suspended()
            while True:
                if watch is not None:
                    watch()
                try:
                    answer = yield waited_for
                except BaseException as error:
                    closed = isinstance(error, GeneratorExit)
                    waited_for = run(throw, error)
                else:
                    waited_for = run(send, answer)
        except StopIteration as stop:
            return stop.value
        except GeneratorExit as error:
            if closed:
                raise
            raise RuntimeError("the handler raised GeneratorExit") from error  # or it would end the runner

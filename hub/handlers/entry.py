"""`Entry`: a handler as the executor uses it, everything looked up beforehand.

Invariant: immutable. What depends on the signature, on the mark or on the configuration was settled when the entry was
made; a job costs one lookup by name and one call.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from hub.errors import Permanent
from hub.handlers.batch import BatchCall
from hub.handlers.binding import bind, bind_batch
from hub.handlers.mark import Mark, Middleware, Next
from hub.handlers.payload import NotJson, json_text
from hub.handlers.pool import ProcessPool
from hub.telemetry import get_logger
from hub.transitions import Backoff, Rules

LONGEST_DELAY = 366 * 86400.0

_log = get_logger("hub.handlers")


@dataclass(frozen=True, slots=True)
class Entry:
    """One name that jobs may carry. `timeout` in seconds; None means: the row, the route or the configuration says."""

    name: str
    queue: str | None
    timeout: float | None
    max_retries: int | None
    rules: Rules
    isolation: str | None
    share_transaction: bool
    batch: BatchCall | None
    permanent: tuple[type[BaseException], ...]
    call: Next
    """`await entry.call(job)` inside one `try`: a payload that does not fit is raised before there is an awaitable. For
    a batch handler a batch of one."""
    function: Callable[..., Any]

    @property
    def origin(self) -> str:
        """Where it is written: module:function (file, line)."""
        return origin(self.function)

    @property
    def grouped(self) -> bool:
        """Whether its jobs run several in one transaction."""
        return self.share_transaction or self.batch is not None

    def is_permanent(self, error: BaseException) -> bool:
        """Whether trying again is useless after `error`."""
        return isinstance(error, self.permanent)

    def encode_result(self, value: Any) -> str | None:
        """The handler's result as JSON text, None for None. Raises Permanent for what JSON cannot hold."""
        if value is None:
            return None
        try:
            return json_text(value)
        except NotJson as error:
            raise Permanent(f"the result of {self.name} cannot be kept: {error}") from error


def make_entry(
    function: Callable[..., Any], mark: Mark, middleware: Sequence[Middleware], rules: Rules, pool: ProcessPool
) -> Entry:
    """The entry of `mark` on `function`; `middleware` goes around its own, and around no batch handler. `pool` is for
    the handlers that want a process.

    Raises TypeError as `bind` does.
    """
    if mark.share_transaction and not inspect.iscoroutinefunction(inspect.unwrap(function)):
        raise TypeError("share_transaction is for async handlers: declare it `async def`")
    batch = bind_batch(function, mark.batch) if mark.batch is not None else None
    return Entry(
        name=mark.name,
        queue=mark.queue,
        timeout=mark.timeout,
        max_retries=mark.max_retries,
        rules=_rules(mark, rules),
        isolation=mark.isolation,
        share_transaction=mark.share_transaction,
        batch=batch,
        permanent=(Permanent, *mark.permanent),
        call=batch.alone
        if batch is not None
        else bind(function, (*middleware, *mark.middleware), pool if mark.process else None),
        function=function,
    )


def origin(function: Callable[..., Any]) -> str:
    """Where a function is written: module:function (file, line)."""
    code = getattr(function, "__code__", None)
    place = f" ({code.co_filename}, line {code.co_firstlineno})" if code is not None else ""
    return f"{function.__module__}:{function.__qualname__}{place}"


def _rules(mark: Mark, rules: Rules) -> Rules:
    retry = mark.retry
    if retry is None:
        return rules
    if isinstance(retry, Backoff):
        return msgspec.structs.replace(rules, backoff=retry, schedule=None)
    if isinstance(retry, tuple):
        delays = retry
        return msgspec.structs.replace(rules, schedule=lambda n: delays[min(n, len(delays) - 1)])
    return msgspec.structs.replace(rules, schedule=_guarded(mark.name, retry, rules.backoff))


def _guarded(name: str, schedule: Callable[[int], float | timedelta], backoff: Backoff) -> Callable[[int], float]:
    """`schedule`, but when it fails or makes no sense the backoff decides: a failed job needs a next time."""

    def seconds(retry: int) -> float:
        try:
            delay = schedule(retry)
            number = delay.total_seconds() if isinstance(delay, timedelta) else float(delay)
            if not number <= LONGEST_DELAY:  # NaN is not, either
                raise ValueError(f"{number} seconds")
        except Exception as error:  # anything a stranger's function may raise
            _log.warning("retry rule failed, using the backoff", handler=name, retry=retry, error=repr(error))
            return backoff.delay(retry, 0.5)
        return number

    return seconds

"""The `@handler` mark: what a function says about how it wants to be run.

Invariant: marking changes nothing but an attribute of the function. No list is kept of what was marked: a registry
takes the functions of the modules it is told of.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from hub.errors import HubError
from hub.handlers.job import Job
from hub.handlers.outgoing import NAME_LIMIT, QUEUE_LIMIT
from hub.transitions import Backoff

Next = Callable[[Job], Coroutine[Any, Any, Any]]
Middleware = Callable[[Job, Next], Coroutine[Any, Any, Any]]
"""`async def middleware(job, next)`: answers `await next(job)`, or does something else about the job."""

Retry = Backoff | Callable[[int], float] | Sequence[float]
"""A backoff, or the seconds before retry n (0 for the first), or these seconds one after another, the last repeated."""

LARGEST_BATCH = 1000
ISOLATION_LEVELS = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
MARK = "__hub_handlers__"

F = TypeVar("F", bound=Callable[..., Any])


class HandlersInvalid(HubError):
    """Handlers that cannot be registered; `faults` has one text for each."""

    code = "handlers-invalid"

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Mark:
    """One name of a handler and its rules; None leaves a rule to the row, the route or the configuration."""

    name: str
    queue: str | None
    timeout: float | None
    max_retries: int | None
    retry: Backoff | Callable[[int], float] | tuple[float, ...] | None
    middleware: tuple[Middleware, ...]
    isolation: str | None
    share_transaction: bool
    batch: int | None
    permanent: tuple[type[BaseException], ...]
    process: bool = False


def handler(
    name: str,
    *,
    queue: str | None = None,
    timeout: float | timedelta | None = None,
    max_retries: int | None = None,
    retry: Retry | None = None,
    middleware: Sequence[Middleware] = (),
    isolation: str | None = None,
    share_transaction: bool = False,
    batch: int | None = None,
    permanent: type[BaseException] | tuple[type[BaseException], ...] = (),
    process: bool = False,
) -> Callable[[F], F]:
    """Mark a function as the handler `name`. Used again on the same function, it adds another name.

    `timeout` in seconds. `max_retries` counts after the first attempt. `retry` says when. `permanent`: exceptions after
    which trying again is useless. `isolation`: the level of the job's transaction.

    `share_transaction`: for short async handlers that await nothing but `job.db`; what waits of them runs one after
    another in one transaction. When one of them fails, or the commit does, the others run again, so a handler must do
    nothing that a rollback does not undo. `batch`: the handler takes a `Batch` of up to so many jobs, those that wait.

    `process`: a plain function that keeps a processor busy runs in a process of its own, without `job.db`. It is found
    there by its module and name. A time-out or a cancellation kills that process.

    Raises HandlersInvalid for values that make no sense.
    """
    mark = Mark(
        name=name,
        queue=queue,
        timeout=timeout.total_seconds() if isinstance(timeout, timedelta) else timeout,
        max_retries=max_retries,
        retry=_fixed(retry),
        middleware=tuple(middleware),
        isolation=isolation,
        share_transaction=share_transaction,
        batch=batch,
        permanent=permanent if isinstance(permanent, tuple) else (permanent,),
        process=process,
    )
    if faults := tuple(f"handler {name!r}: {fault}" for fault in _faults(mark)):
        raise HandlersInvalid(*faults)

    def marked(function: F) -> F:
        if not inspect.isfunction(function):
            raise HandlersInvalid(f"handler {name!r}: a handler is a function, not {function!r}")
        setattr(function, MARK, (mark, *marks(function)))
        return function

    return marked


def marks(value: object) -> tuple[Mark, ...]:
    """The marks on `value`; none if it is no handler."""
    return getattr(value, MARK, ()) if inspect.isfunction(value) else ()


def _fixed(retry: object) -> Any:
    """A list of delays as a tuple that nobody can change any more; anything else as it is."""
    return tuple(retry) if isinstance(retry, Sequence) and not isinstance(retry, str) else retry


# --- what makes no sense ---------------------------------------------------------------------------------------------


def _faults(mark: Mark) -> Iterator[str]:
    if not _is_name(mark.name, NAME_LIMIT):
        yield f"name: expected 1 to {NAME_LIMIT} printable characters"
    if mark.queue is not None and not _is_name(mark.queue, QUEUE_LIMIT):
        yield f"queue: expected 1 to {QUEUE_LIMIT} printable characters"
    if mark.timeout is not None and not 0 < mark.timeout < math.inf:
        yield "timeout: expected more than 0 seconds"
    if mark.max_retries is not None and mark.max_retries < 0:
        yield "max_retries: expected 0 or more"
    if mark.retry is not None and not _is_retry(mark.retry):
        yield "retry: expected a Backoff, a function of the retry's number, or a list of seconds"
    for one in mark.middleware:
        if not _is_async(one):
            yield f"middleware: {getattr(one, '__qualname__', one)} is not async"
    if mark.isolation is not None and mark.isolation not in ISOLATION_LEVELS:
        yield f"isolation: expected one of {', '.join(ISOLATION_LEVELS)}"
    if mark.batch is not None and not 1 <= mark.batch <= LARGEST_BATCH:
        yield f"batch: expected 1 to {LARGEST_BATCH} jobs"
    if mark.batch is not None and mark.share_transaction:
        yield "share_transaction: the jobs of a batch share one as it is"
    if mark.batch is not None and mark.middleware:
        yield "middleware: it goes around one job, and this handler takes many"
    if mark.process and (mark.share_transaction or mark.batch is not None or mark.isolation is not None):
        yield "process: there is no transaction in a process of its own, so no share_transaction, batch or isolation"
    for kind in mark.permanent:
        if not _is_exception(kind):
            yield f"permanent: {kind!r} is no class of exceptions"


def _is_name(name: object, limit: int) -> bool:
    return isinstance(name, str) and 0 < len(name) <= limit and name.isprintable() and name == name.strip()


def _is_retry(retry: object) -> bool:
    if isinstance(retry, tuple):
        return bool(retry) and all(isinstance(delay, int | float) and 0 <= delay < math.inf for delay in retry)
    return isinstance(retry, Backoff) or callable(retry)


def _is_async(function: Middleware) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _is_exception(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseException)

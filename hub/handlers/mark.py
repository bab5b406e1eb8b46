"""The `@handler` mark: what a function says about how it wants to be run.

Invariant: marking changes nothing but an attribute of the function. No list is kept of what was marked: a registry
takes the functions of the modules it is told of.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Coroutine, Sequence
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
    permanent: tuple[type[BaseException], ...]


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
    permanent: tuple[type[BaseException], ...] = (),
) -> Callable[[F], F]:
    """Mark a function as the handler `name`. Used again on the same function, it adds another name.

    `timeout` in seconds. `max_retries` counts after the first attempt. `retry` says when. `permanent`: exceptions after
    which trying again is useless. `isolation`: the level of the job's transaction. `share_transaction`: for short
    handlers that await nothing but `job.db`. Raises HandlersInvalid for values that make no sense.
    """
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    faults = [
        *_name_faults(name, "name", NAME_LIMIT),
        *([] if queue is None else _name_faults(queue, "queue", QUEUE_LIMIT)),
        *(
            []
            if seconds is None or (seconds > 0 and math.isfinite(seconds))
            else ["timeout: expected more than 0 seconds"]
        ),
        *([] if max_retries is None or max_retries >= 0 else ["max_retries: expected 0 or more"]),
        *([] if retry is None else _retry_faults(retry)),
        *(f"middleware: {_called(one)} is not async" for one in middleware if not _is_async(one)),
        *([] if isolation is None or isolation in ISOLATION_LEVELS else [f"isolation: not one of {ISOLATION_LEVELS}"]),
        *(f"permanent: {kind!r} is no exception class" for kind in permanent if not _is_exception(kind)),
    ]
    if faults:
        raise HandlersInvalid(*(f"handler {name!r}: {fault}" for fault in faults))
    mark = Mark(
        name=name,
        queue=queue,
        timeout=seconds,
        max_retries=max_retries,
        retry=_fixed(retry),
        middleware=tuple(middleware),
        isolation=isolation,
        share_transaction=share_transaction,
        permanent=tuple(permanent),
    )

    def marked(function: F) -> F:
        if not inspect.isfunction(function):
            raise HandlersInvalid(f"handler {name!r}: a handler is a function, not {function!r}")
        setattr(function, MARK, (mark, *marks(function)))
        return function

    return marked


def marks(value: object) -> tuple[Mark, ...]:
    """The marks on `value`; none if it is no handler."""
    return getattr(value, MARK, ()) if inspect.isfunction(value) else ()


def _fixed(retry: Retry | None) -> Backoff | Callable[[int], float] | tuple[float, ...] | None:
    return retry if retry is None or isinstance(retry, Backoff) or callable(retry) else tuple(retry)


def _name_faults(name: object, what: str, limit: int) -> list[str]:
    if isinstance(name, str) and name and name.isprintable() and name == name.strip() and len(name) <= limit:
        return []
    return [f"{what}: expected 1 to {limit} printable characters"]


def _retry_faults(retry: object) -> list[str]:
    if isinstance(retry, Backoff) or callable(retry):
        return []
    if isinstance(retry, Sequence) and retry and all(isinstance(s, int | float) and 0 <= s < math.inf for s in retry):
        return []
    return ["retry: expected a Backoff, a function of the retry's number, or a list of seconds"]


def _is_async(function: Middleware) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _is_exception(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseException)


def _called(function: object) -> str:
    return getattr(function, "__qualname__", None) or repr(function)

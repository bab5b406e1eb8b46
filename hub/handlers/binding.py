"""From a handler's signature to the one call the executor makes.

Invariant: everything is looked up here, once. `call(job)` decodes the payload if the handler wants one, passes what was
declared, and goes through no middleware that is not there. It answers a coroutine, or raises before there is one.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Coroutine, Iterable
from types import SimpleNamespace
from typing import Any

from hub.handlers.batch import Batch, BatchCall
from hub.handlers.decoder import decoder_for
from hub.handlers.job import Job
from hub.handlers.mark import Middleware, Next
from hub.handlers.payload import Decode, untyped
from hub.handlers.pool import ProcessPool
from hub.handlers.process_job import ProcessJob
from hub.handlers.sync import SyncJob
from hub.handlers.threads import run
from hub.handlers.view import JobView

Function = Callable[..., Any]
AsyncFunction = Callable[..., Coroutine[Any, Any, Any]]
_JOBS: dict[str, type[JobView]] = {"Job": Job, "SyncJob": SyncJob, "ProcessJob": ProcessJob}


def bind(function: Function, middleware: Iterable[Middleware] = (), pool: ProcessPool | None = None) -> Next:
    """The call that runs `function` for a job, the first of `middleware` outermost; in a child of `pool`, if given.

    Raises TypeError for a signature that cannot be served.
    """
    call = _alone(function) if pool is None else _elsewhere(function, pool)
    for one in reversed(tuple(middleware)):
        call = _wrap(one, call)
    return call


def bind_process(function: Function) -> Callable[[ProcessJob], Any]:
    """The call that runs `function` for a job in this process, a child of a pool. Raises TypeError as `bind` does."""
    if inspect.iscoroutinefunction(inspect.unwrap(function)) or inspect.isgeneratorfunction(function):
        raise TypeError("a handler of the process pool is a plain function: leave out `async`, or process=True")
    parameters = _required(function)
    roles, decode = _roles(parameters, ProcessJob)
    positional = _by_position(function, parameters)
    return lambda job: positional(*(job if role == "job" else decode(job._claim) for role in roles))


def _elsewhere(function: Function, pool: ProcessPool) -> Next:
    bind_process(function)  # its faults are said at the start
    module, qualname = function.__module__, function.__qualname__
    if module == "__main__" or "<" in qualname:
        raise TypeError("a handler of the process pool is found by its name: write it at the top of a module")
    return lambda job: pool.run(module, qualname, job)


def _alone(function: Function) -> Next:
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise TypeError("a generator cannot be a handler: return the result instead of yielding it")
    is_async = inspect.iscoroutinefunction(inspect.unwrap(function))
    parameters = _required(function)
    roles, decode = _roles(parameters, Job if is_async else SyncJob)
    positional, name = _by_position(function, parameters), f"{function.__module__}:{function.__qualname__}"
    return _call(roles, decode, _native(positional) if is_async else _threaded(positional, name))


def bind_batch(function: Function, size: int) -> BatchCall:
    """The call that runs `function` for a batch of up to `size` jobs. Raises TypeError as `bind` does."""
    if not inspect.iscoroutinefunction(inspect.unwrap(function)):
        raise TypeError("a batch handler is async: declare it `async def`")
    parameters = _required(function)
    if len(parameters) != 1 or not _is_batch(parameters[0]):
        raise TypeError("a batch handler takes one parameter, a Batch: `async def store(batch: Batch[Order])`")
    of = typing.get_args(parameters[0].annotation)
    decode = decoder_for(of[0]) if of and not isinstance(of[0], typing.TypeVar) else untyped
    return BatchCall(size, decode, _native(_by_position(function, parameters)))


def _call(roles: tuple[str, ...], decode: Decode, function: AsyncFunction) -> Next:
    # One shape a signature, as each of these runs tens of thousands of times a second.
    match roles:
        case ("job",):
            return function
        case ("payload",):
            return lambda job: function(decode(job._claim))
        case ("payload", "job"):
            return lambda job: function(decode(job._claim), job)
        case ("job", "payload"):
            return lambda job: function(job, decode(job._claim))
        case _:
            return lambda job: function()


def _wrap(middleware: Middleware, following: Next) -> Next:
    native = _native(middleware)
    return lambda job: native(job, following)


def _native(function: Function) -> AsyncFunction:
    """`function`, which may be a decorator's plain wrapper around an async one, as a coroutine function."""
    if inspect.iscoroutinefunction(function):
        return function

    async def call(*values: Any) -> Any:
        return await function(*values)

    return call


def _by_position(function: Function, parameters: list[inspect.Parameter]) -> Function:
    """`function`, taking its keyword-only parameters by position too."""
    names = [parameter.name for parameter in parameters if parameter.kind is inspect.Parameter.KEYWORD_ONLY]
    if not names:
        return function
    split = len(parameters) - len(names)
    return lambda *values: function(*values[:split], **dict(zip(names, values[split:], strict=True)))


def _threaded(function: Function, name: str) -> AsyncFunction:
    def call(*values: Any) -> Coroutine[Any, Any, Any]:
        return run(
            lambda bridge: function(*(SyncJob(v, bridge) if isinstance(v, JobView) else v for v in values)), name
        )

    return call


# --- who is who ------------------------------------------------------------------------------------------------------


def _roles(parameters: list[inspect.Parameter], given: type[JobView]) -> tuple[tuple[str, ...], Decode]:
    """What goes into each parameter, 'payload' or 'job' (which is a `given`), and how the payload is decoded."""
    roles: list[str] = []
    decode: Decode = untyped
    for parameter in parameters:
        role = "job" if _is_job(parameter) else "payload"
        if role in roles:
            raise TypeError(
                f"parameter {parameter.name!r} is one too many: a handler takes a payload, and a job that is named "
                "`job` or annotated as Job"
            )
        if role == "payload":
            decode = decoder_for(parameter.annotation)
        else:
            _check_job(parameter.annotation, given)
        roles.append(role)
    return tuple(roles), decode


def _required(function: Function) -> list[inspect.Parameter]:
    """The parameters that a call must fill, with their types. Those with defaults are left alone."""
    collecting = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        _resolved(function, parameter)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind not in collecting and parameter.default is inspect.Parameter.empty
    ]


def _resolved(function: Function, parameter: inspect.Parameter) -> inspect.Parameter:
    written = parameter.annotation
    if not isinstance(written, str):
        return parameter
    holder = SimpleNamespace(__annotations__={parameter.name: written})
    names = getattr(inspect.unwrap(function), "__globals__", {})
    try:
        hints = typing.get_type_hints(holder, names, include_extras=True)
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        job = _JOBS.get(written.rpartition(".")[2])
        if job is not None:  # imported for type checkers alone
            return parameter.replace(annotation=job)
        raise TypeError(
            f"the type {written!r} of parameter {parameter.name!r} is not known when the module runs ({error}): "
            "import it for real, at the top of the module"
        ) from error
    return parameter.replace(annotation=hints[parameter.name])


def _is_job(parameter: inspect.Parameter) -> bool:
    kind = parameter.annotation
    if isinstance(kind, type) and issubclass(kind, JobView):
        return True
    return parameter.name == "job" and kind in (inspect.Parameter.empty, Any)


def _is_batch(parameter: inspect.Parameter) -> bool:
    kind = parameter.annotation
    return typing.get_origin(kind) is Batch or kind is Batch or (parameter.name == "batch" and kind is parameter.empty)


def _check_job(kind: Any, given: type[JobView]) -> None:
    if kind not in _JOBS.values() or kind is given:
        return
    if given is Job:
        raise TypeError("an async handler gets a Job: annotate it so")
    if given is ProcessJob:
        raise TypeError(
            "a handler of the process pool has no Job and no job.db: take a ProcessJob (from hub.handlers.process_job)"
        )
    raise TypeError(
        "a handler that is not async runs in a thread, where nothing can be awaited: take a SyncJob (from "
        "hub.handlers.sync), or declare it `async def`"
    )

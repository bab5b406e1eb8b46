"""What a handler declares is what it gets: payload, job, both in either order, neither; middleware around it."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.util import await_only

from hub.errors import PayloadInvalid, Permanent
from hub.handlers.binding import bind
from hub.handlers.job import Job
from hub.handlers.mark import Next, handler
from hub.handlers.registry import Registry
from hub.handlers.sync import NotInThread, SyncJob
from hub.handlers.threads import AttemptEnded, Threads, _greenlets
from tests.unit.handlers.conftest import Hub

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass
class Order:
    id: int


ORDER = '{"id": 7}'
VARIABLE = ContextVar("VARIABLE", default="nothing")


async def nothing() -> str:
    return "nothing"


async def payload_alone(order: Order) -> Any:
    return order


async def untyped_alone(message):  # type: ignore[no-untyped-def]  # what is tested
    return message


async def job_by_name(job):  # type: ignore[no-untyped-def]  # what is tested
    return job.id


async def job_by_type(this: Job) -> Any:
    return this.id


async def both(order: Order, job: Job) -> Any:
    return order, job.id


async def the_other_way_round(job: Job, order: Order) -> Any:
    return order, job.id


async def by_keyword(order: Order, *, job: Job) -> Any:
    return order, job.id


async def all_by_keyword(*, job: Job, order: Order) -> Any:
    return order, job.id


async def positional_only(order: Order, /, job: Job) -> Any:
    return order, job.id


async def with_defaults(order: Order, job: Job, limit: int = 5, *rest: Any, **more: Any) -> Any:
    return order, job.id, limit, rest, more


async def quoted(order: "Order", job: "Job") -> Any:  # noqa: UP037 - what is tested
    return order, job.id


def in_a_thread(order: Order) -> Any:
    return order, threading.current_thread() is threading.main_thread()


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (nothing, "nothing"),
        (payload_alone, Order(7)),
        (untyped_alone, {"id": 7}),
        (job_by_name, "job-1"),
        (job_by_type, "job-1"),
        (both, (Order(7), "job-1")),
        (the_other_way_round, (Order(7), "job-1")),
        (by_keyword, (Order(7), "job-1")),
        (all_by_keyword, (Order(7), "job-1")),
        (positional_only, (Order(7), "job-1")),
        (with_defaults, (Order(7), "job-1", 5, (), {})),
        (quoted, (Order(7), "job-1")),
        (in_a_thread, (Order(7), False)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_a_handler_gets_what_it_declares(function: Callable[..., Any], expected: Any, hub: Hub) -> None:
    assert await bind(function)(hub.job(ORDER)) == expected


def test_the_call_answers_a_coroutine_whatever_the_handler(hub: Hub) -> None:
    @functools.wraps(both)
    def logged(*args: Any) -> Any:
        return both(*args)

    for function in (nothing, both, all_by_keyword, logged):
        coroutine = bind(function)(hub.job(ORDER))
        assert asyncio.iscoroutine(coroutine)
        coroutine.close()


async def test_a_plain_decorator_around_an_async_handler_is_seen_through(hub: Hub) -> None:
    @functools.wraps(both)
    def logged(*args: Any) -> Any:
        return asyncio.ensure_future(both(*args))

    assert await bind(logged)(hub.job(ORDER)) == (Order(7), "job-1")


async def test_a_payload_that_does_not_fit_is_refused_before_the_handler_runs(hub: Hub) -> None:
    ran = []

    async def run(order: Order) -> None:
        ran.append(order)

    with pytest.raises(PayloadInvalid, match=r"payload\.id"):
        await bind(run)(hub.job('{"id": "x"}'))
    assert not ran


class Opaque:
    pass


async def three(order: Order, job: Job, extra: str) -> None: ...
async def two_payloads(order: Order, other: Order) -> None: ...
async def two_jobs(job: Job, other: Job) -> None: ...
async def opaque(payload: Opaque) -> None: ...
async def not_at_run_time(payload: Decimal) -> None: ...
async def sync_job_in_async(job: SyncJob) -> None: ...
def job_in_sync(order: Order, job: Job) -> None: ...
async def agen(job: Job) -> Any:
    yield 1


def gen(job: SyncJob) -> Any:
    yield 1


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (three, "'extra' is one too many"),
        (two_payloads, "'other' is one too many"),
        (two_jobs, "'other' is one too many"),
        (opaque, "Opaque"),
        (not_at_run_time, "'Decimal'.*import it for real"),
        (sync_job_in_async, "annotate it so"),
        (job_in_sync, "SyncJob.*async def"),
        (agen, "generator"),
        (gen, "generator"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_signature_that_cannot_be_served_is_refused(function: Callable[..., Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        bind(function)


# --- middleware ------------------------------------------------------------------------------------------------------


def noting(notes: list[str], name: str) -> Any:
    async def middleware(job: Job, next: Next) -> Any:
        notes.append(f"{name} in")
        result = await next(job)
        notes.append(f"{name} out")
        return result

    return middleware


async def test_middleware_runs_around_the_handler_first_one_outermost_global_ones_first(hub: Hub) -> None:
    notes: list[str] = []

    @handler("test", middleware=[noting(notes, "own 1"), noting(notes, "own 2")])
    async def run(job: Job) -> str:
        notes.append("handler")
        return "result"

    registry = Registry(middleware=[noting(notes, "global")]).add(run)
    entry = registry.get("test")
    assert entry is not None
    assert await entry.call(hub.job()) == "result"
    assert notes == ["global in", "own 1 in", "own 2 in", "handler", "own 2 out", "own 1 out", "global out"]


async def test_middleware_can_change_the_result_catch_the_error_and_leave_the_handler_out(hub: Hub) -> None:
    async def doubled(job: Job, next: Next) -> Any:
        return 2 * await next(job)

    async def caught(job: Job, next: Next) -> Any:
        try:
            return await next(job)
        except PayloadInvalid:
            return "refused"

    async def skipped(job: Job, next: Next) -> Any:
        return "skipped"

    async def count(number: int) -> int:
        return number

    assert await bind(count, [doubled])(hub.job("21")) == 42
    assert await bind(count, [caught])(hub.job("x")) == "refused"
    assert await bind(count, [skipped])(hub.job("x")) == "skipped"


async def test_an_object_with_an_async_call_is_middleware_too(hub: Hub) -> None:
    class Prefix:
        async def __call__(self, job: Job, next: Callable[[Job], Awaitable[Any]]) -> Any:
            return f"> {await next(job)}"

    @handler("test", middleware=[Prefix()])
    async def run() -> str:
        return "result"

    assert await hub.call(run) == "> result"


def test_a_job_without_middleware_calls_the_handler_itself() -> None:
    assert bind(job_by_type) is job_by_type


# --- handlers in threads ---------------------------------------------------------------------------------------------


async def test_a_handler_in_a_thread_sends_enqueues_and_reports_as_an_async_one_does(hub: Hub) -> None:
    @handler("test")
    def run(payload: Any, job: SyncJob) -> list[str]:
        job.progress(0.5, "half")
        return [job.enqueue("next", {"n": payload}), job.publish("erp", "topic", payload, key="k")]

    ids = await hub.call(run, "7")
    assert [row.id for row in hub.attempt.enqueued] == ids
    assert [row.handler for row in hub.attempt.enqueued] == ["next", "publish"]
    assert hub.attempt.said == [(0.5, "half")]


async def test_the_drivers_connection_is_refused_in_a_thread(hub: Hub) -> None:
    @handler("test")
    def run(job: SyncJob) -> None:
        job.driver()

    with pytest.raises(NotInThread, match="async def") as caught:
        await hub.call(run)
    assert isinstance(caught.value, Permanent)


async def test_a_step_in_a_thread_is_remembered(hub: Hub) -> None:
    @handler("test")
    def run(job: SyncJob) -> list[Any]:
        async def later() -> str:
            return threading.current_thread().name

        def now(value: str) -> str:
            return f"{value} in a thread" if threading.current_thread() is not threading.main_thread() else value

        return [job.step("a", now, "first"), job.step("a", now, "again"), job.step("b", later)]

    assert await hub.call(run) == ["first in a thread", "first in a thread", threading.main_thread().name]


async def test_a_thread_has_the_context_variables_of_the_job_and_keeps_its_own(hub: Hub) -> None:
    token = VARIABLE.set("outside")

    @handler("test")
    def run() -> str:
        seen = VARIABLE.get()
        VARIABLE.set("inside")
        return seen

    try:
        assert [await hub.call(run), VARIABLE.get()] == ["outside", "outside"]
    finally:
        VARIABLE.reset(token)


async def test_what_a_thread_does_after_its_attempt_is_refused(hub: Hub) -> None:
    begun, go_on, seen = asyncio.Event(), threading.Event(), []
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    @handler("test")
    def run(job: SyncJob) -> None:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(20)
        for late in (
            lambda: job.enqueue("next"),
            lambda: job.progress(1),
            lambda: job.step("s", print),
            lambda: job.db,
        ):
            try:
                late()
            except AttemptEnded as error:
                seen.append(error)
        seen.append(job.ended)
        loop.call_soon_threadsafe(over.set)

    task = asyncio.create_task(hub.call(run))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    async with asyncio.timeout(30):
        await over.wait()
    assert len(seen) == 5
    assert seen[-1] is True
    assert (hub.attempt.enqueued, hub.attempt.said, hub.attempt.steps) == ([], [], {})


def test_a_thread_is_used_again_and_ends_when_it_is_idle() -> None:
    threads, done = Threads(idle=0.05), threading.Event()
    names: list[threading.Thread] = []

    def work() -> None:
        names.append(threading.current_thread())
        done.set()

    threads.submit(work)
    assert done.wait(10)
    [thread] = names
    assert thread.daemon
    thread.join(10)
    assert not thread.is_alive()
    done.clear()
    threads.submit(work)
    assert done.wait(10)
    assert names[0] is not names[1]


def test_the_names_of_sqlalchemy_that_the_bridge_stands_on_are_still_there() -> None:
    assert _greenlets._AsyncIoGreenlet.__sqlalchemy_greenlet_provider__ is True
    assert list(inspect.signature(_greenlets._AsyncIoGreenlet.__init__).parameters) == ["self", "fn", "driver"]
    assert "current.parent.switch(awaitable)" in inspect.getsource(await_only)
    assert "__sqlalchemy_greenlet_provider__" in inspect.getsource(await_only)


@pytest.mark.parametrize("error", [StopIteration, GeneratorExit])
async def test_what_would_end_whoever_waits_is_an_error_of_the_thread(hub: Hub, error: type[BaseException]) -> None:
    @handler("test")
    def run() -> None:
        raise error

    with pytest.raises(RuntimeError, match=error.__name__):
        await asyncio.wait_for(hub.call(run), 30)

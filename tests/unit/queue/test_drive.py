"""A handler is driven in the runner's task, in a context of its own."""

import asyncio
from contextvars import ContextVar

import pytest

from hub.queue.drive import Drive

VALUE = ContextVar("VALUE", default="before")


async def test_a_handler_that_never_waits_is_not_said_to() -> None:
    waited: list[bool] = []

    async def quick() -> int:
        return 7

    assert await Drive(quick(), lambda: waited.append(True)) == 7
    assert waited == []


async def test_the_first_wait_is_told_once_and_results_pass_through() -> None:
    waited: list[bool] = []

    async def slow() -> int:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return 7

    assert await Drive(slow(), lambda: waited.append(True)) == 7
    assert waited == [True]


async def test_context_variables_stay_inside() -> None:
    async def sets() -> str:
        VALUE.set("inside")
        await asyncio.sleep(0)
        return VALUE.get()

    assert await Drive(sets(), lambda: None) == "inside"
    assert VALUE.get() == "before"


async def test_errors_and_cancellation_reach_the_handler_and_come_back() -> None:
    caught: list[type[BaseException]] = []

    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            caught.append(type(error))
        return "went on"

    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_soon(task.cancel)
    assert await Drive(stubborn(), lambda: None) == "went on"
    assert caught == [asyncio.CancelledError]
    assert task.uncancel() == 0

    async def fails() -> None:
        await asyncio.sleep(0)
        raise LookupError("here")

    with pytest.raises(LookupError, match="here"):
        await Drive(fails(), lambda: None)


async def test_timeouts_and_task_groups_of_the_handler_work() -> None:
    async def bounded() -> str:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            return "timed out"
        return "never"

    assert await Drive(bounded(), lambda: None) == "timed out"

    async def grouped() -> int:
        async with asyncio.TaskGroup() as group:
            parts = [group.create_task(asyncio.sleep(0, n)) for n in range(4)]
        return sum(part.result() for part in parts)

    assert await Drive(grouped(), lambda: None) == 6


async def test_the_end_of_a_runner_is_told_from_a_handler_that_raises_the_same() -> None:
    async def raises() -> None:
        raise GeneratorExit

    async def waits() -> None:
        await asyncio.sleep(60)

    with pytest.raises(RuntimeError, match="the handler raised GeneratorExit"):
        await Drive(raises(), lambda: None)
    running = Drive(waits(), lambda: None).__await__()
    next(running)
    running.close()  # raises what does not leave as GeneratorExit

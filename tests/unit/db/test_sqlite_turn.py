"""The order in which writers get their turn."""

import asyncio

import pytest

from hub.db.sqlite.turn import Turn
from hub.errors import DatabaseUnavailable


class Queue:
    """Writers who note when they got their turn, and pass it on at once."""

    def __init__(self) -> None:
        self.turn = Turn()
        self.order: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def ask(self, name: str, *, urgent: bool = False) -> asyncio.Task[None]:
        async def work() -> None:
            await self.turn.take(urgent=urgent)
            self.order.append(name)
            self.turn.pass_on()

        task = asyncio.create_task(work())
        self.tasks.append(task)
        await asyncio.sleep(0)  # it has asked now
        return task


@pytest.fixture
async def queue() -> Queue:
    made = Queue()
    await made.turn.take()
    return made


async def test_first_come_first_served_and_the_urgent_before_all(queue: Queue) -> None:
    for name in ("a", "b"):
        await queue.ask(name)
    for name in ("claim", "finish"):
        await queue.ask(name, urgent=True)
    await queue.ask("c")
    assert (queue.order, queue.turn.waiting) == ([], 5)
    queue.turn.pass_on()
    await asyncio.gather(*queue.tasks)
    assert queue.order == ["claim", "finish", "a", "b", "c"]


async def test_who_gave_up_is_passed_over(queue: Queue) -> None:
    gone = await queue.ask("gone")
    await queue.ask("next")
    gone.cancel()
    await asyncio.sleep(0)
    queue.turn.pass_on()
    await queue.tasks[1]
    assert queue.order == ["next"]


async def test_a_turn_handed_over_in_the_moment_of_cancellation_is_not_lost(queue: Queue) -> None:
    gone = await queue.ask("gone")
    await queue.ask("next")
    queue.turn.pass_on()
    gone.cancel()
    await asyncio.wait_for(queue.tasks[1], 30)
    assert queue.order == ["next"]


async def test_a_free_turn_is_had_at_once() -> None:
    turn = Turn()
    for _ in range(3):
        await turn.take()
        turn.pass_on()
    assert turn.waiting == 0


async def test_closing_tells_those_who_wait(queue: Queue) -> None:
    waiting = await queue.ask("a")
    queue.turn.close()
    for late in (waiting, asyncio.create_task(queue.turn.take())):
        with pytest.raises(DatabaseUnavailable):
            await late

"""A watch looks in time, when hurried and after faults, and says what it cannot do."""

import asyncio
import logging

import pytest

from hub.clock import SystemClock
from hub.errors import DatabaseUnavailable
from hub.watch import Watch

FOR_EVER = 3600.0


class Looks:
    """What a watch does at each look: the next of these; its count says how often it looked."""

    def __init__(self, *answers: float | Exception) -> None:
        self._answers = list(answers)
        self._seen = asyncio.Event()
        self.count = 0

    async def __call__(self) -> float:
        self.count += 1
        self._seen.set()
        answer = self._answers.pop(0) if self._answers else FOR_EVER
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def reach(self, count: int) -> None:
        async with asyncio.timeout(10):
            while self.count < count:
                self._seen.clear()
                await self._seen.wait()
            await asyncio.sleep(0)


def begun(looks: Looks) -> Watch:
    watch = Watch("looks", looks, SystemClock(), trouble="nothing is looked at", longest=0.2)
    watch.start()
    return watch


async def test_it_looks_at_the_start_in_time_and_when_hurried() -> None:
    looks = Looks(0.01, 0.0, FOR_EVER)
    watch = begun(looks)
    await looks.reach(3)
    assert (watch.running, watch.failing) == (True, None)
    watch.hurry()
    await looks.reach(4)
    await watch.stop()
    assert not watch.running


async def test_a_hurry_during_a_look_has_it_look_once_more() -> None:
    looks = Looks()

    async def look() -> float:
        if looks.count == 0:
            watch.hurry()
        return await looks()

    watch = Watch("looks", look, SystemClock(), trouble="nothing is looked at")
    watch.start()
    await looks.reach(2)
    await watch.stop()
    assert looks.count == 2


async def test_faults_are_told_once_an_outage_and_end_with_a_look_that_succeeds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    looks = Looks(*(DatabaseUnavailable("it is away") for _ in range(3)), FOR_EVER)
    watch = begun(looks)
    await looks.reach(1)
    faults = [watch.failing]
    await looks.reach(4)
    assert [*faults, watch.failing] == ["nothing is looked at: it is away", None]
    assert [record.getMessage() for record in caplog.records] == ["nothing is looked at: it is away"]
    await watch.stop()


async def test_a_bug_does_not_end_it_and_is_in_the_log_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    looks = Looks(KeyError("column"), KeyError("column"), FOR_EVER)
    watch = begun(looks)
    await looks.reach(3)
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.exc_info is not None for record in told] == [True, True]
    await watch.stop()


async def test_it_can_be_stopped_twice_or_never_started_and_started_anew() -> None:
    looks = Looks()
    watch = Watch("looks", looks, SystemClock(), trouble="nothing is looked at")
    await watch.stop()
    for count in (1, 2):
        watch.start()
        watch.start()
        await looks.reach(count)
        await watch.stop()
        await watch.stop()
        assert "looks" not in [task.get_name() for task in asyncio.all_tasks()]
    assert looks.count == 2

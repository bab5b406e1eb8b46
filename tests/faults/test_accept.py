"""Faults 1 and 12 at the door: a hub is killed before and after it says 202. What it said holds; what it did not say,
its sender says again, and neither is done twice.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.campaign import Campaign
from tests.faults.controls import Control
from tests.faults.door import ROUTES, Door, Plan
from tests.faults.engine import Work
from tests.faults.outside import Outside
from tests.faults.points import ACCEPTING, GROUPED, WORKING, Point
from tests.faults.scale import wanted_jobs
from tests.faults.senders import send
from tests.faults.waiting import until_async


def _settled(outside: Outside) -> Callable[[], bool]:
    return lambda: outside.unsettled() == 0


@pytest.fixture
def door(outside: Outside, folder: Path, seed: int) -> Door:
    return Door(Campaign(outside, folder, seed=seed), folder)


async def test_killed_around_its_answer(door: Door) -> None:
    messages = 300
    plans: list[Plan] = [(point, 3 if point in GROUPED else 20) for point in ACCEPTING]
    tally = await door.run(messages, [*plans, (None, 1)])
    assert tally.landed == dict.fromkeys(ACCEPTING, 1)
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.accepted, tally.verdict.effects) == (messages, messages)


@pytest.mark.timeout(3600)
async def test_killed_again_and_again_at_any_point(door: Door) -> None:
    messages = wanted_jobs(120)
    kills = max(3, messages // 100)
    tally = await door.run(messages, door.random_plans((*ACCEPTING, *WORKING), kills=kills, a_life=messages // kills))
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.accepted, tally.verdict.effects) == (messages, messages)


async def test_terminated_while_senders_send(outside: Outside, folder: Path, seed: int) -> None:
    messages = 800
    door = Door(Campaign(outside, folder, seed=seed, work=Work(lease=30.0)), folder)
    sending = asyncio.create_task(send(door.address, door.campaign.ledger, messages, list(ROUTES)))
    try:
        with door.hub() as first:
            await until_async(lambda: len(door.campaign.ledger.read()) > 50, 20, "nothing is accepted")
            assert await asyncio.to_thread(first.terminate) == 0
        assert not sending.done(), "the senders were through before the end"
        with door.hub() as second:
            await sending
            await until_async(_settled(door.campaign.outside), 60, "the jobs do not end")
            assert await asyncio.to_thread(second.terminate) == 0
    finally:
        sending.cancel()
    tally = await asyncio.to_thread(door.campaign.settle)
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.accepted, tally.verdict.effects) == (messages, messages)
    assert door.campaign.outside.count("retrycount > 0 OR crashcount > 0") == 0


async def test_an_answer_before_the_commit_loses_messages(door: Door) -> None:
    tally = await door.run(200, [(Point.BEFORE_ACCEPT, 2), (None, 1)], control=[Control.ANSWER_FIRST])
    assert tally.verdict.lost, str(tally)


async def test_without_its_dedupe_key_a_message_sent_again_is_done_twice(door: Door) -> None:
    tally = await door.run(200, [(Point.BEFORE_ANSWER, 20), (None, 1)], control=[Control.NO_DEDUPE])
    assert tally.verdict.duplicates, str(tally)

"""Fault 1 at the other doors: a hub is killed around the Completion of an invocation, or the acknowledgement of an
emit. What it has answered holds; what it has not, its client says again, and neither is done twice.
"""

from pathlib import Path

import pytest

from tests.faults.callers import call
from tests.faults.campaign import Campaign
from tests.faults.controls import Control
from tests.faults.door import Door, Plan
from tests.faults.emitters import emit
from tests.faults.outside import Outside
from tests.faults.points import GROUPED, WORKING, Point


@pytest.fixture(params=[pytest.param(call, id="signalr"), pytest.param(emit, id="socketio")])
def door(outside: Outside, folder: Path, seed: int, request: pytest.FixtureRequest) -> Door:
    return Door(Campaign(outside, folder, seed=seed), folder, request.param)


async def test_killed_while_clients_speak(door: Door) -> None:
    messages = 200
    points = (Point.BEFORE_ACCEPT, *WORKING[:2])
    plans: list[Plan] = [(point, 3 if point in GROUPED else 20) for point in points]
    tally = await door.run(messages, [*plans, (None, 1)])
    assert tally.landed == dict.fromkeys(points, 1)
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.accepted, tally.verdict.effects) == (messages, messages)


async def test_without_its_dedupe_key_what_is_said_again_is_done_twice(door: Door) -> None:
    tally = await door.run(150, [(Point.BEFORE_ANSWER, 20), (None, 1)], control=[Control.NO_DEDUPE])
    assert tally.verdict.duplicates, str(tally)


async def test_an_answer_before_the_commit_loses_messages(door: Door) -> None:
    tally = await door.run(200, [(Point.BEFORE_ACCEPT, 2), (None, 1)], control=[Control.ANSWER_FIRST])
    assert tally.verdict.lost, str(tally)

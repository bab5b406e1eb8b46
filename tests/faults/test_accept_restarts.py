"""Faults 1 and 3 together, at each of the three doors: under load one hub after another is killed, and in the life of
each the database is killed or restarted. What was accepted holds all the same, and once.

The long form: HUB_FAULT_JOBS=20000, with `-o log_cli=true --log-cli-level=info` for its figures.
"""

import asyncio
import itertools
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.callers import call
from tests.faults.campaign import Campaign
from tests.faults.door import Door, Plan, Send
from tests.faults.emitters import emit
from tests.faults.outside import Outside
from tests.faults.points import ACCEPTING, GROUPED, WORKING, Point
from tests.faults.scale import wanted_jobs
from tests.faults.senders import send
from tests.faults.waiting import until_async
from tests.servers import PostgresService

_log = logging.getLogger(__name__)

LIVES = 2
HELD = 100
"""Messages for each trap, of which none counts more than ten."""
A_MESSAGE = 0.1
"""Seconds that may pass for each message, on a busy machine."""
AN_ANSWER = (Point.AFTER_ANSWER,)
"""Only HTTP has a place where its answer has left and the process does not know it."""


@pytest.fixture
def outside_own(own_postgres: PostgresService) -> Iterator[Outside]:
    with Outside.of(own_postgres.create_database("hub")) as found:
        found.prepare()
        yield found


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("sending", [send, call, emit], ids=["webhooks", "signalr", "socketio"])
async def test_hubs_are_killed_and_the_database_restarted_under_load(
    own_postgres: PostgresService, outside_own: Outside, folder: Path, seed: int, sending: Send
) -> None:
    messages = wanted_jobs(1200)
    campaign = Campaign(outside_own, folder, seed=seed)
    door = Door(campaign, folder, sending)
    lives = max(LIVES, messages // 2500)
    share = messages // (lives + 2)
    patience = 60 + share * A_MESSAGE
    at_once = messages - lives * HELD
    begun = itertools.count(0)
    ways = itertools.cycle((_killed, _restarted))

    async def database_goes() -> None:
        """In the midst of each life's share of the messages."""
        wanted = next(begun) * share + share // 3
        await until_async(lambda: len(campaign.ledger.read()) >= wanted, patience, "the messages are not accepted")
        await asyncio.to_thread(next(ways), own_postgres)
        campaign.landed["database"] += 1
        known = len(campaign.ledger.read())
        await until_async(
            lambda: len(campaign.ledger.read()) > min(known, at_once - 1), 60, "nothing is accepted any more"
        )

    tally = await door.run(messages, _plans(campaign, lives, sending), beside=database_goes, held=HELD)
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.accepted, tally.verdict.effects, tally.verdict.failed) == (messages, messages, 0)
    assert tally.landed["database"] == lives + 1
    assert tally.landed.total() == 2 * lives + 1, str(tally)
    assert outside_own.count("retrycount > 0") == 0
    _log.info("%s\n  recovered in %s s", tally, [f"{one:.1f}" for one in tally.recoveries])


def _plans(campaign: Campaign, lives: int, sending: Send) -> Iterator[Plan]:
    """Soon after the database is back, so that there is still something to be accepted."""
    points = [one for one in (*ACCEPTING, *WORKING) if sending is send or one not in AN_ANSWER]
    for point in itertools.islice(itertools.cycle(campaign.random.sample(points, len(points))), lives):
        yield point, 1 if point in GROUPED else campaign.random.randint(1, 10)
    yield None, 1


def _killed(server: PostgresService) -> None:
    server.kill9()
    server.start()


def _restarted(server: PostgresService) -> None:
    server.restart()

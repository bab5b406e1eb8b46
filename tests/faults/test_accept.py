"""Faults 1 and 12 at the door: a hub is killed before and after it says 202. What it said holds; what it did not say,
its sender says again, and neither is done twice.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.faults.campaign import Campaign, Tally
from tests.faults.controls import Control
from tests.faults.engine import Work
from tests.faults.outside import Outside
from tests.faults.points import ACCEPTING, GROUPED, Point
from tests.faults.process import Victim
from tests.faults.scale import wanted_jobs
from tests.faults.senders import send
from tests.faults.waiting import until_async
from tests.servers import free_port

ROUTES = {"effects": "fault.effect", "empties": "fault.empty"}


class Door:
    """A hub of a configuration, started again whenever it is gone, and its address."""

    def __init__(self, campaign: Campaign, folder: Path) -> None:
        port = free_port()
        self.campaign = campaign
        self.address = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._configuration = folder / "configuration.json"
        self._configuration.write_text(
            json.dumps(
                {
                    "database": {"url": campaign.outside.url},
                    "http": {"host": "127.0.0.1", "port": port},
                    "jobs": {
                        "enabled": True,
                        "workers": 10,
                        "lease": "1s",
                        "poll_interval": 0.2,
                        "max_crashes": 1000,
                        "shutdown_timeout": "10s",
                    },
                    "handlers": ["tests.faults.handlers"],
                    "adapters": {"web": {"type": "http"}},
                    "routes": [
                        {"name": name, "from": "web", "handler": handler, "dedupe_key": "payload.id"}
                        for name, handler in ROUTES.items()
                    ],
                }
            )
        )

    def hub(self, owner: str, *, point: Point | None = None, at: int = 1, control: Sequence[Control] = ()) -> Victim:
        work = Work(owner=owner)
        return Victim(
            self._folder, self.campaign.outside.url, work, point=point, at=at, control=control, hub=self._configuration
        )

    async def run(self, messages: int, point: Point, at: int, *, control: Sequence[Control] = ()) -> Tally:
        """Senders at work while the hub is killed at the point, and another takes its place."""
        sending = asyncio.create_task(send(self.address, self.campaign.ledger, messages, list(ROUTES)))
        try:
            with self.hub("first", point=point, at=at, control=control) as first:
                await until_async(lambda: not first.alive, 30, lambda: f"not killed at {point}\n{first.output()}")
                first.killed()
                self.campaign.count(first)
            with self.hub("second", control=control) as second:
                await sending
                await until_async(_settled(self.campaign.outside), 60, "the jobs do not end")
                assert second.terminate() == 0
        finally:
            sending.cancel()
        return await asyncio.to_thread(self.campaign.settle)


def _settled(outside: Outside) -> Callable[[], bool]:
    return lambda: outside.unsettled() == 0


@pytest.fixture
def door(outside: Outside, folder: Path, seed: int) -> Door:
    return Door(Campaign(outside, folder, seed=seed), folder)


@pytest.mark.parametrize("point", ACCEPTING)
async def test_killed_around_its_answer(point: Point, door: Door) -> None:
    messages = wanted_jobs(200)
    tally = await door.run(messages, point, 3 if point in GROUPED else 20)
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.accepted, tally.verdict.effects) == (messages, messages)


async def test_an_answer_before_the_commit_loses_messages(door: Door) -> None:
    tally = await door.run(wanted_jobs(200), Point.BEFORE_ACCEPT, 5, control=[Control.ANSWER_FIRST])
    assert tally.verdict.lost, str(tally)


async def test_without_its_dedupe_key_a_message_sent_again_is_done_twice(door: Door) -> None:
    tally = await door.run(wanted_jobs(200), Point.BEFORE_ANSWER, 20, control=[Control.NO_DEDUPE])
    assert tally.verdict.duplicates, str(tally)

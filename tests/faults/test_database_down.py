"""Fault 3: PostgreSQL is killed under load and comes back. Nothing is lost or doubled, and nobody pays for it."""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.campaign import Campaign
from tests.faults.engine import Work
from tests.faults.generator import insert, insert_async
from tests.faults.handlers import GATED, GATED_EMPTY
from tests.faults.outside import Outside
from tests.faults.scale import wanted_jobs
from tests.faults.waiting import until_async
from tests.servers import PostgresService

# The hub's own six, the pool's eight, heartbeat and listener.
CONNECTIONS = 6 + 8 + 2


@pytest.fixture
def outside_own(own_postgres: PostgresService) -> Iterator[Outside]:
    with Outside.of(own_postgres.create_database("hub")) as found:
        found.prepare()
        yield found


@pytest.mark.timeout(3600)
async def test_the_server_is_killed_under_load(
    own_postgres: PostgresService, outside_own: Outside, folder: Path, seed: int
) -> None:
    jobs = wanted_jobs(3000)
    campaign = Campaign(outside_own, folder, seed=seed, work=Work(lease=4.0, rescue_interval=0.5))
    with campaign.victim() as worker:
        inserting = asyncio.create_task(insert_async(outside_own.url, campaign.ledger, jobs))
        for share in (0.2, 0.4, 0.6):
            await until_async(_ended(outside_own, share * jobs), 60, "the work does not go on")
            own_postgres.kill9()
            await asyncio.to_thread(own_postgres.start)
        await asyncio.wait_for(inserting, 60)
        await asyncio.to_thread(outside_own.settled, 60)
        assert worker.alive
        assert outside_own.connections() <= CONNECTIONS
        assert worker.terminate() == 0
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.effects, tally.verdict.failed) == (jobs, 0)
    assert outside_own.count("retrycount > 0") == 0
    # A claim whose answer was lost is the one thing that only its lease gives back.
    assert outside_own.count("crashcount > 0") == outside_own.rescued_from(worker.work.owner)


async def test_the_server_stays_away_for_a_while(
    own_postgres: PostgresService, outside_own: Outside, folder: Path, seed: int
) -> None:
    """Jobs whose handlers wait meanwhile end as if nothing had been, and no descriptor is left behind."""
    campaign = Campaign(outside_own, folder, seed=seed, work=Work(lease=20.0))
    gate = folder / "gate"
    with campaign.victim() as worker:
        await insert_async(outside_own.url, campaign.ledger, 100)
        await asyncio.to_thread(outside_own.settled, 20)
        descriptors = _descriptors(worker.process.pid)
        await insert_async(outside_own.url, campaign.ledger, 5, kinds=[GATED, GATED_EMPTY], extra={"gate": str(gate)})
        await until_async(lambda: outside_own.count("statusid = 2") == 5, 20, "the jobs do not start")
        own_postgres.kill9()
        gate.touch()
        await until_async(lambda: "pauses" in worker.output(), 20, "the worker does not notice")
        await asyncio.to_thread(own_postgres.start)
        await asyncio.to_thread(outside_own.settled, 20)
        await asyncio.to_thread(insert, outside_own.url, campaign.ledger, 100)
        await asyncio.to_thread(outside_own.settled, 20)
        assert _descriptors(worker.process.pid) <= descriptors + 2
        assert worker.terminate() == 0
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)
    assert outside_own.count("retrycount > 0 OR crashcount > 0") == 0


async def test_terminated_while_the_server_is_away(
    own_postgres: PostgresService, outside_own: Outside, folder: Path, seed: int
) -> None:
    """Ends that cannot be written do not keep the process: their leases expire, and the jobs run again."""
    campaign = Campaign(outside_own, folder, seed=seed, work=Work(shutdown_timeout=1.0))
    gate = folder / "gate"
    with campaign.victim() as worker:
        await insert_async(
            outside_own.url, campaign.ledger, 4, kinds=[GATED, GATED_EMPTY], extra={"gate": str(gate), "late": "/"}
        )
        await until_async(lambda: outside_own.count("statusid = 2") == 4, 20, "the jobs do not start")
        own_postgres.kill9()
        gate.touch()
        await until_async(lambda: "pauses" in worker.output(), 20, "the worker does not notice")
        assert await asyncio.to_thread(worker.terminate, 15) == 0
        await asyncio.to_thread(own_postgres.start)
    tally = await asyncio.to_thread(campaign.settle)
    assert tally.verdict.clean, str(tally)
    assert tally.verdict.failed == 0


def _ended(outside: Outside, jobs: float) -> Callable[[], bool]:
    return lambda: outside.count("statusid = 3") >= jobs


def _descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))

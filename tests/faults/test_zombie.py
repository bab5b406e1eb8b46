"""Fault 2: a worker that outlives its lease, frozen or cut off from its renewals, commits nothing once it is robbed."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from hub import Job, handler
from tests.faults import controls
from tests.faults.campaign import Campaign
from tests.faults.controls import Control
from tests.faults.engine import Work, running
from tests.faults.generator import insert, insert_async
from tests.faults.handlers import EFFECTFUL, EMPTY, GATED, leave_effect
from tests.faults.ledger import Ledger
from tests.faults.oracle import judge
from tests.faults.outside import Outside
from tests.faults.points import LOCKLESS, Deed, Point
from tests.faults.scale import wanted_jobs
from tests.faults.waiting import until, until_async

_ON_BOTH = ["postgresql", pytest.param("mariadb", marks=[pytest.mark.mariadb, pytest.mark.slow])]
"""The shorter form is played on one of them."""


@pytest.mark.timeout(3600)
def test_frozen_past_its_lease(outside_server: Outside, folder: Path, seed: int) -> None:
    jobs = wanted_jobs(240)
    zombies = max(len(LOCKLESS), jobs // 500)
    campaign = Campaign(outside_server, folder, seed=seed)
    tally = campaign.beside_a_zombie(jobs, zombies=zombies, points=LOCKLESS)
    assert tally.verdict.clean, str(tally)
    assert tally.verdict.accepted == tally.verdict.effects >= jobs, str(tally)
    assert tally.verdict.failed == 0
    assert tally.landed.total() == zombies, str(tally)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("outside_server", _ON_BOTH, indirect=True)
def test_without_the_fence_zombies_double_effects(outside_server: Outside, folder: Path, seed: int) -> None:
    jobs = wanted_jobs(300)
    campaign = Campaign(outside_server, folder, seed=seed, control=[Control.NO_FENCE])
    tally = campaign.beside_a_zombie(jobs, zombies=max(2, jobs // 500), points=LOCKLESS[1:])
    assert tally.verdict.duplicates, str(tally)


def test_frozen_after_its_last_update_it_is_ended_by_the_server(
    outside_postgres: Outside, folder: Path, seed: int
) -> None:
    """It holds the row's lock: nobody can take the job before the server ends its idle transaction."""
    work = Work(transaction_timeout=0.5)
    campaign = Campaign(outside_postgres, folder, seed=seed, work=work)
    with campaign.victim(point=Point.BEFORE_COMMIT, at=3, deed=Deed.STOP) as zombie:
        insert(outside_postgres.url, campaign.ledger, 30)
        zombie.stopped()
        with campaign.victim():
            outside_postgres.settled(30)
            assert outside_postgres.rescued_from(zombie.work.owner) > 0
            zombie.thaw()
            assert zombie.terminate() == 0
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)


def test_frozen_after_its_last_update_and_continued_in_time_it_commits(
    outside_postgres: Outside, folder: Path, seed: int
) -> None:
    """As long as its transaction stands nobody else has the job, expired lease or not: its commit is the only one."""
    campaign = Campaign(outside_postgres, folder, seed=seed)
    with campaign.victim(point=Point.BEFORE_COMMIT, at=1, deed=Deed.STOP) as zombie, campaign.victim() as steady:
        [job] = insert(outside_postgres.url, campaign.ledger, 1, kinds=[EFFECTFUL])
        until(lambda: zombie.landed or outside_postgres.unsettled() == 0, 20, "nobody took the job")
        if not zombie.landed:  # the steady worker was quicker: freeze it on the next
            steady.kill()
            [job] = insert(outside_postgres.url, campaign.ledger, 1, kinds=[EFFECTFUL])
        zombie.stopped()
        until(lambda: outside_postgres.overdue(2 * campaign.work.rescue_interval), 20, "its lease does not expire")
        zombie.thaw()
        outside_postgres.settled(20)
        assert zombie.terminate() == 0
    assert outside_postgres.count(f"id = '{job}' AND crashcount = 0 AND leaseowner = '{zombie.work.owner}'") == 1
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)


def test_a_process_that_cannot_renew_its_leases_commits_nothing(
    outside_postgres: Outside, folder: Path, seed: int
) -> None:
    campaign = Campaign(outside_postgres, folder, seed=seed)
    gate = folder / "gate"
    with campaign.victim(control=[Control.NO_HEARTBEAT], workers=1) as zombie:
        late = {"late": str(gate)}
        [job] = insert(outside_postgres.url, campaign.ledger, 1, kinds=[GATED], extra=late)
        until(lambda: outside_postgres.count("statusid = 2") == 1, 20, "nobody took the job")
        with campaign.victim() as steady:
            until(lambda: outside_postgres.rescued_from(zombie.work.owner) == 1, 20, "nobody took over")
            until(lambda: outside_postgres.count(f"leaseowner = '{steady.work.owner}'") == 1, 20, "nobody took over")
            gate.touch()
            outside_postgres.settled(20)
            assert zombie.terminate() == 0
    assert outside_postgres.count(f"id = '{job}' AND statusid = 3 AND leaseowner = '{steady.work.owner}'") == 1
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)


@pytest.mark.parametrize("kind", [EFFECTFUL, EMPTY])
@pytest.mark.parametrize("fenced", [True, False], ids=["fenced", "without the fence"])
async def test_a_handler_that_outlives_its_lease_commits_nothing(
    kind: str, fenced: bool, outside_each: Outside, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two engines in one process; the first does not renew, and has no room to take the job again itself."""
    begun, robbed = asyncio.Event(), asyncio.Event()
    if not fenced:
        controls.install([Control.NO_FENCE], monkeypatch.setattr)

    @handler(kind)
    async def outlive(payload: dict[str, str], job: Job) -> None:
        if job.attempt == 0:
            begun.set()
            await robbed.wait()
        if kind == EFFECTFUL:
            await leave_effect(job, payload["id"])

    ledger = Ledger(folder / "acknowledged")
    work = Work(lease=0.4, rescue_interval=0.1, exclusive=False)
    async with running(outside_each.url, msgspec.structs.replace(work, owner="zombie", workers=1), [outlive]) as zombie:
        zombie.heartbeat._due = list  # type: ignore[method-assign]  # the fault: leases are not renewed
        [job] = await insert_async(outside_each.url, ledger, 1, kinds=[kind])
        await begun.wait()
        async with running(outside_each.url, msgspec.structs.replace(work, owner="steady"), [outlive]):
            await until_async(lambda: outside_each.unsettled() == 0, 20, "nobody took over")
            robbed.set()
            await zombie.stop()
        assert zombie.settler.lost == (1 if fenced else 0)
    verdict = await asyncio.to_thread(lambda: judge(outside_each.facts(ledger, rescue_interval=work.rescue_interval)))
    if fenced:
        assert outside_each.count(f"id = '{job}' AND statusid = 3 AND crashcount = 1 AND leaseowner = 'steady'") == 1
        assert verdict.clean, str(verdict)
    else:
        assert verdict.duplicates == [job], str(verdict)


async def test_a_process_that_robs_itself_goes_on_renewing_the_newer_attempt(
    outside_postgres: Outside, folder: Path
) -> None:
    """Its renewals failed for a while: it takes its own job again, and the end of the older attempt changes nothing."""
    begun, go_on = [asyncio.Event(), asyncio.Event()], [asyncio.Event(), asyncio.Event()]

    @handler(EFFECTFUL)
    async def outlive(payload: dict[str, str], job: Job) -> None:
        begun[job.attempt].set()
        await go_on[job.attempt].wait()
        await leave_effect(job, payload["id"])

    ledger = Ledger(folder / "acknowledged")
    work = Work(lease=2.0, rescue_interval=0.1)
    async with running(outside_postgres.url, work, [outlive]) as engine:
        renewing, engine.heartbeat._due = engine.heartbeat._due, list  # type: ignore[method-assign]  # the fault
        [job] = await insert_async(outside_postgres.url, ledger, 1, kinds=[EFFECTFUL])
        await begun[1].wait()
        engine.heartbeat._due = renewing  # type: ignore[method-assign]  # and its end
        go_on[0].set()
        await until_async(lambda: engine.settler.lost == 1, 20, "the older attempt does not end")
        leases = f"SELECT leaseuntil FROM queue_jobs WHERE id = '{job}'"
        [before] = await asyncio.to_thread(outside_postgres.fetch, leases)
        await until_async(lambda: outside_postgres.fetch(leases) != [before], 20, "the lease is neither kept nor lost")
        assert outside_postgres.count("crashcount = 1 AND statusid = 2") == 1, "the newer attempt was robbed as well"
        go_on[1].set()
        await until_async(lambda: outside_postgres.unsettled() == 0, 20, "the job does not end")
    verdict = await asyncio.to_thread(lambda: judge(outside_postgres.facts(ledger, rescue_interval=0.1)))
    assert verdict.clean, str(verdict)


def test_on_sqlite_a_frozen_hub_keeps_others_out_and_goes_on(outside_sqlite: Outside, folder: Path, seed: int) -> None:
    campaign = Campaign(outside_sqlite, folder, seed=seed)
    with campaign.victim(point=Point.MID_HANDLER, at=10, deed=Deed.STOP) as zombie:
        insert(outside_sqlite.url, campaign.ledger, 40)
        zombie.stopped()
        until(lambda: outside_sqlite.overdue(2 * campaign.work.rescue_interval), 20, "its leases do not expire")
        with pytest.raises(RuntimeError, match=f"process {zombie.process.pid} runs a hub on"), campaign.victim():
            pass
        assert zombie.alive
        zombie.thaw()
        outside_sqlite.settled(20)
        assert zombie.terminate() == 0
    assert outside_sqlite.count("crashcount > 0") == 0
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)


@pytest.mark.timeout(3600)
def test_on_sqlite_a_hub_that_is_robbed_all_the_time_doubles_nothing(
    outside_sqlite: Outside, folder: Path, seed: int
) -> None:
    jobs = wanted_jobs(160)
    tally = Campaign(outside_sqlite, folder, seed=seed).robbed(jobs)
    assert tally.verdict.clean, str(tally)
    assert tally.verdict.accepted == tally.verdict.effects >= jobs, str(tally)
    assert tally.verdict.failed == 0
    assert tally.landed["robbed"] > 0


@pytest.mark.timeout(3600)
def test_on_sqlite_without_the_fence_a_robbed_hub_doubles_effects(
    outside_sqlite: Outside, folder: Path, seed: int
) -> None:
    campaign = Campaign(outside_sqlite, folder, seed=seed, control=[Control.NO_FENCE])
    tally = campaign.robbed(wanted_jobs(400))
    assert tally.verdict.duplicates, str(tally)


@pytest.mark.timeout(3600)
def test_on_sqlite_two_hubs_that_take_each_other_for_dead_double_nothing(
    outside_sqlite: Outside, folder: Path, seed: int
) -> None:
    """Without the file's lock, as on a file system that has none."""
    work = Work(exclusive=False, rescue_interval=0.05)
    tally = Campaign(outside_sqlite, folder, seed=seed, work=work).side_by_side(wanted_jobs(500))
    assert tally.verdict.clean, str(tally)

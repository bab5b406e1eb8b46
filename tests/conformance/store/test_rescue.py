"""Workers that are gone: their jobs are taken back, counted, and in the end given up."""

import asyncio

import pytest
from sqlalchemy import text

from hub.model import Status
from hub.transitions import after_crash
from tests.conformance.store.rig import Rig


async def test_a_job_of_a_dead_worker_is_queued_again_with_a_history_row(rig: Rig) -> None:
    claim = await rig.one(priority=2)
    await rig.crash(claim.id)
    (rescued,) = await rig.other.rescue()
    assert (rescued.id, rescued.queue, rescued.poison, rescued.leaseowner) == (claim.id, "default", False, "w1")
    row = await rig.job(claim.id)
    assert (row["statusid"], row["crashcount"], row["retrycount"], row["priority"]) == (Status.QUEUED, 1, 0, 2)
    assert (row["leaseuntil"], row["lasterror"]) == (None, "lease expired (worker w1)")
    history = await rig.history(claim.id)
    assert (history["statusid"], history["retryattempt"], history["executedby"]) == (4, 0, "w1")
    assert history["result"] == history["errormessage"] == "lease expired (worker w1)"
    assert rig.instant(history["startedat"]) <= rig.instant(history["completedat"])
    assert history["duration"] >= 0
    (again,) = await rig.take(store=rig.other)
    assert (again.attempt, again.crashcount, again.fence > claim.fence) == (1, 1, True)


async def test_a_live_workers_job_is_left_alone(rig: Rig) -> None:
    claim = await rig.one()
    assert await rig.store.rescue() == []
    assert await rig.complete(claim) == {claim.id}


async def test_a_lease_that_runs_is_respected_by_everybody(server_rig: Rig) -> None:
    claim = await server_rig.one()
    assert await server_rig.other.rescue() == []
    assert await server_rig.status(claim.id) == [Status.PROCESSING]


async def test_the_process_that_has_the_file_takes_back_what_its_predecessor_held(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    claim = await rig.one()  # its lease still runs
    (rescued,) = await rig.other.rescue()
    assert rescued.id == claim.id
    mine = await rig.take(store=rig.other)
    await rig.crash(claim.id)  # a lease that nobody renewed says nothing here: this process knows what it holds
    assert await rig.other.rescue() == []
    assert len(mine) == 1


async def test_processing_without_a_lease_is_taken_back(rig: Rig) -> None:
    await rig.sql("INSERT INTO queue_jobs (id, handler, statusid) VALUES ('x', 'h', 2)")
    await rig.sql("INSERT INTO queue_jobs (id, handler, statusid, leaseowner) VALUES ('y', 'h', 2, 'w1')")
    rescued = await rig.store.rescue()
    assert sorted((each.id, each.leaseowner) for each in rescued) == [("x", None), ("y", "w1")]
    assert (await rig.job("x"))["lasterror"] == "lease expired (worker unknown)"
    history = await rig.history("x")
    assert history["startedat"] is not None
    assert sorted(await rig.taken(queue="")) == ["x", "y"]


async def test_a_rescue_goes_in_batches(rig: Rig) -> None:
    await rig.add(*(rig.new() for _ in range(7)))
    claims = await rig.take()
    await rig.crash(*(claim.id for claim in claims))
    counts = []
    while rescued := await rig.other.rescue(3):
        counts.append(len(rescued))
    assert counts == [3, 3, 1]
    assert len(await rig.taken()) == 7


@pytest.mark.parametrize("max_crashes", [0, 1, 2, 3])
async def test_the_statement_and_the_pure_rule_agree(rig: Rig, max_crashes: int) -> None:
    worker = rig.worker("w3", max_crashes=max_crashes)
    (job_id,) = await rig.add(rig.new())
    for crashes in range(max_crashes + 1):
        (claim,) = await rig.take()
        assert claim.crashcount == crashes
        await rig.crash(claim.id)
        (rescued,) = await worker.rescue()
        row = await rig.job(job_id)
        status, failure = after_crash(crashes, max_crashes)
        assert (row["statusid"], row["failure"], rescued.poison) == (status, failure, status is Status.FAILED)
        assert (row["completedat"] is not None) == status.final
    assert await rig.taken() == []
    assert await rig.attempts(job_id) == [(number, 4) for number in range(max_crashes + 1)]


async def test_the_key_of_a_poison_job_goes_on(rig: Rig) -> None:
    claim = await rig.one(orderingkey="k")
    (second,) = await rig.add(rig.new(orderingkey="k"))
    assert await rig.take() == []
    await rig.crash(claim.id)
    (rescued,) = await rig.worker("w3", max_crashes=0).rescue()
    assert rescued.poison
    await rig.store.release([rescued.orderingkey or ""])
    assert await rig.taken() == [second]


async def test_a_zombie_that_holds_the_row_does_not_hold_up_the_rescue_of_others(server_rig: Rig) -> None:
    rig = server_rig
    await rig.add(rig.new(), rig.new())
    zombie, other = await rig.take()
    await rig.crash(zombie.id, other.id)
    transaction = rig.database.begin_job("zombie")
    await transaction.connection.execute(text("SELECT 1 FROM queue_jobs WHERE id = :id FOR UPDATE"), {"id": zombie.id})
    assert [rescued.id for rescued in await rig.other.rescue()] == [other.id]
    await transaction.rollback()
    assert [rescued.id for rescued in await rig.other.rescue()] == [zombie.id]


async def test_two_rescuers_share_the_work(server_rig: Rig) -> None:
    rig = server_rig
    await rig.add(*(rig.new() for _ in range(100)))
    claims = await rig.take()
    await rig.crash(*(claim.id for claim in claims))
    parts = await asyncio.gather(*(rig.worker(f"r{number}").rescue(40) for number in range(6)))
    rescued = [each.id for part in parts for each in part]
    assert len(rescued) == len(set(rescued))
    rows = await rig.sql("SELECT crashcount, count(*) AS n FROM queue_jobs GROUP BY crashcount ORDER BY crashcount")
    assert sum(row["crashcount"] * row["n"] for row in rows) == len(rescued)

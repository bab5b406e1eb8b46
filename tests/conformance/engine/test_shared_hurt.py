"""Jobs that share a transaction: robbed, cut short, deadlocked, and an answer that never comes."""

import asyncio
import contextlib
from collections.abc import Sequence

import pytest
from sqlalchemy import text

from hub import Job, handler
from hub.errors import DatabaseUnavailable
from hub.model import Settlement
from hub.ports import JobTransaction
from hub.queue import lane
from hub.queue.store import Store
from tests.conformance.engine.rig import RigMaker
from tests.conformance.engine.together import (
    EFFECTS,
    NUMBERS,
    Commits,
    but,
    effects,
    ends,
    enqueue_all,
    write,
)
from tests.faults.outside import Outside

pytestmark = pytest.mark.usefixtures("few_groups")


async def test_one_whose_fence_is_lost_keeps_none_of_its_effects(rig: RigMaker, commits: Commits) -> None:
    robbed: list[str] = []
    with contextlib.ExitStack() as stack:

        @handler("shared", share_transaction=True)
        async def shared(payload: dict[str, int], job: Job) -> None:
            if payload["n"] == 0 and not robbed:
                robbed.append(job.id)
                # Without waiting: another worker has taken the job, before any of them has written.
                outside.fetch(f"UPDATE queue_jobs SET fence = fence + 1, leaseowner = 'other' WHERE id = '{job.id}'")
            await write(job, payload)

        async with rig(shared) as r:
            outside = stack.enter_context(Outside.of(r.url))
            await r.sql(EFFECTS)
            jobs = await enqueue_all(r, "shared", NUMBERS)
            assert await ends(r, jobs[1:]) == [3] * 7
            assert False in commits.answers
            assert await effects(r) == but(0)
            row = await r.job(jobs[0])
            assert (row["statusid"], row["leaseowner"]) == (2, "other")
            assert await r.histories(jobs[0]) == []


async def test_deadlocks_between_groups_cost_no_attempt(rig: RigMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "GROUPS", 2)

    @handler("shared", share_transaction=True, max_retries=0)
    async def shared(payload: dict[str, int], job: Job) -> None:
        for one in (payload["n"] % 2, 1 - payload["n"] % 2):
            await job.db.execute(text("UPDATE counters SET n = n + 1 WHERE id = :id"), {"id": one})

    async with rig(shared, workers=2) as r:
        await r.sql("CREATE TABLE counters (id INTEGER PRIMARY KEY, n INTEGER)")
        await r.sql("INSERT INTO counters VALUES (0, 0), (1, 0)")
        jobs = await enqueue_all(r, "shared", [{"n": n} for n in range(20)])
        assert await ends(r, jobs) == [3] * 20
        assert [row["n"] for row in await r.sql("SELECT n FROM counters")] == [20, 20]


async def test_one_that_is_cancelled_or_runs_out_of_time_ends_alone(rig: RigMaker) -> None:
    entered = asyncio.Event()

    @handler("shared", share_transaction=True, max_retries=0, timeout=20)
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)
        if payload["n"] in (2, 4):
            if payload["n"] == 2:
                entered.set()
            await asyncio.Event().wait()

    async with rig(shared) as r:
        await r.sql(EFFECTS)
        first = await enqueue_all(r, "shared", NUMBERS[:4])
        async with asyncio.timeout(20):
            await entered.wait()
        await r.engine.cancel(first[2], reason="not wanted", actor="test")
        assert await ends(r, first) == [3, 3, 6, 3]
        second = [*await enqueue_all(r, "shared", NUMBERS[4:5], timeout=0.2)]
        second += await enqueue_all(r, "shared", NUMBERS[5:])
        assert await ends(r, second) == [4, 3, 3, 3]
        assert (await r.job(second[0]))["lasterror"] == "JobTimeout: ran longer than its timeout of 0.2 s"
        assert await effects(r) == but(2, 4)


async def test_a_statement_that_is_cut_short_takes_no_other_along(rig: RigMaker) -> None:
    slow = {
        "postgresql": "SELECT pg_sleep(30)",
        "mysql": "SELECT sleep(30)",
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    }

    @handler("shared", share_transaction=True, max_retries=0, timeout=20)
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)
        if payload["n"] == 2:
            await job.db.execute(text(slow[r.database.dialect]))

    async with rig(shared) as r:
        await r.sql(EFFECTS)
        jobs = [*await enqueue_all(r, "shared", NUMBERS[:2])]
        jobs += await enqueue_all(r, "shared", NUMBERS[2:3], timeout=0.5)
        jobs += await enqueue_all(r, "shared", NUMBERS[3:])
        assert await ends(r, jobs) == [3, 3, 4, 3, 3, 3, 3, 3]
        assert await effects(r) == but(2)


async def test_after_a_lost_answer_to_the_commit_the_fences_decide(
    rig: RigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = Store.complete_all_in
    lost: list[int] = []

    async def lose_the_answer(store: Store, transaction: JobTransaction, settlements: Sequence[Settlement]) -> bool:
        done = await complete(store, transaction, settlements)
        if not lost:
            lost.append(len(settlements))
            raise DatabaseUnavailable("the answer never came")
        return done

    @handler("shared", share_transaction=True)
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)

    monkeypatch.setattr(Store, "complete_all_in", lose_the_answer)
    async with rig(shared) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "shared", NUMBERS)
        assert await ends(r, jobs) == [3] * 8
        assert lost
        assert await effects(r) == but()
        assert len(await r.sql("SELECT id FROM job_histories")) == 8


async def test_a_job_that_a_worker_died_with_runs_by_itself(rig: RigMaker, commits: Commits) -> None:
    @handler("shared", share_transaction=True)
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)

    async with rig(shared) as r:
        await r.sql(EFFECTS)
        for each in NUMBERS:
            await r.sql(
                "INSERT INTO queue_jobs (id, handler, queue, payload, crashcount)"
                " VALUES (:id, 'shared', 'default', :p, 1)",
                id=f"suspect-{each['n']}",
                p=f'{{"n": {each["n"]}}}',
            )
        r.engine.woken(["default"])
        assert await ends(r, [f"suspect-{each['n']}" for each in NUMBERS]) == [3] * 8
        assert commits.sizes == []
        assert await effects(r) == but()

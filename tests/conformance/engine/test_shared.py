"""Jobs that share a transaction: what each may rely on is what it could rely on alone."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ResourceClosedError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import Job, handler
from hub.errors import DatabaseUnavailable, Permanent
from hub.model import Settlement
from hub.ports import JobTransaction
from hub.queue import lane
from hub.queue.store import Store
from tests.conformance.engine.rig import RigMaker
from tests.conformance.engine.together import EFFECT, EFFECTS, Commits, effects, ends, enqueue_all
from tests.faults.outside import Outside

NUMBERS = [{"n": n} for n in range(8)]


@pytest.fixture(autouse=True)
def few_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a handful of jobs makes a group, where each would otherwise be begun at once by a runner that is free."""
    monkeypatch.setattr(lane, "GROUPS", 1)


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Commits:
    return Commits(monkeypatch)


async def write(job: Job, payload: dict[str, int]) -> None:
    await job.db.execute(EFFECT, {"msg": str(payload["n"])})


def but(*numbers: int) -> list[str]:
    return [str(each["n"]) for each in NUMBERS if each["n"] not in numbers]


async def test_many_jobs_are_one_commit_with_a_result_and_a_history_each(rig: RigMaker, commits: Commits) -> None:
    @handler("shared", share_transaction=True)
    async def shared(payload: dict[str, int], job: Job) -> int:
        await write(job, payload)
        return payload["n"] * 2

    async with rig(shared) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "shared", [{"n": n} for n in range(60)])
        assert await ends(r, jobs) == [3] * 60
        assert len(await effects(r)) == 60
        assert len(await r.sql("SELECT id FROM job_histories")) == 60
        assert max(commits.sizes) > 4
        row = await r.job(jobs[7])
        assert (row["result"], row["leaseuntil"], row["retrycount"]) == ("14", None, 0)
        [history] = await r.histories(jobs[7])
        assert (history["statusid"], history["inputdata"], history["outputdata"]) == (3, '{"n":7}', "14")
        assert len(r.metrics.runs) == 60


async def test_one_that_fails_after_it_has_written_takes_no_other_along(rig: RigMaker, commits: Commits) -> None:
    @handler("shared", share_transaction=True, max_retries=0)
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)
        if payload["n"] in (3, 5):
            raise ValueError(f"it is {payload['n']}")

    async with rig(shared) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "shared", NUMBERS)
        assert await ends(r, jobs) == [3, 3, 3, 4, 3, 4, 3, 3]
        assert await effects(r) == but(3, 5)
        assert max(commits.sizes) > 1, "the others are still one commit"
        [history] = await r.histories(jobs[3])
        assert (history["statusid"], history["result"]) == (4, "ValueError: it is 3")


async def test_one_that_fails_before_it_has_written_disturbs_nobody(rig: RigMaker) -> None:
    calls: list[int] = []

    @handler("shared", share_transaction=True, max_retries=0)
    async def shared(payload: dict[str, int], job: Job) -> None:
        calls.append(payload["n"])
        if payload["n"] == 3:
            raise ValueError("three")
        await write(job, payload)

    async with rig(shared) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "shared", [*NUMBERS, {"n": "no number"}])
        assert await ends(r, jobs) == [3, 3, 3, 4, 3, 3, 3, 3, 4]
        assert sorted(calls) == list(range(8)), "nobody ran twice, and a payload that does not fit not at all"
        assert (await r.job(jobs[8]))["lasterror"].startswith("PayloadInvalid: payload")
        assert await effects(r) == but(3)


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


async def test_a_commit_that_fails_is_found_to_be_the_fault_of_one(rig: RigMaker) -> None:
    @handler("shared", share_transaction=True, max_retries=0)
    async def shared(payload: dict[str, int], job: Job) -> None:
        await job.db.execute(text("INSERT INTO child VALUES (:n, :of)"), {"n": payload["n"], "of": payload["of"]})

    async with rig(shared) as r:
        if r.database.dialect == "mysql":
            pytest.skip("no constraint waits for the commit there")
        await r.sql("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        await r.sql(
            "CREATE TABLE child (n INTEGER, parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)"
        )
        await r.sql("INSERT INTO parent VALUES (1)")
        jobs = await enqueue_all(r, "shared", [{"n": n, "of": 2 if n == 4 else 1} for n in range(8)])
        assert await ends(r, jobs) == [3, 3, 3, 3, 4, 3, 3, 3]
        assert "foreign key" in (await r.job(jobs[4]))["lasterror"].lower()
        assert [row["n"] for row in await r.sql("SELECT n FROM child ORDER BY n")] == [0, 1, 2, 3, 5, 6, 7]


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


async def test_what_jobs_send_leaves_with_the_commit_that_they_share(rig: RigMaker) -> None:
    seen: list[int] = []

    @handler("shared", share_transaction=True, max_retries=0)
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)
        await job.enqueue("child", payload)
        if payload["n"] == 3:
            raise ValueError("three")

    @handler("child")
    async def child(payload: dict[str, int]) -> None:
        seen.append(payload["n"])

    async with rig(shared, child) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "shared", NUMBERS)
        await ends(r, jobs)
        await r.ran(15)
        assert sorted(seen) == [0, 1, 2, 4, 5, 6, 7]
        rows = await r.sql("SELECT parentjobid FROM queue_jobs WHERE handler = 'child'")
        assert sorted(row["parentjobid"] for row in rows) == sorted(job for job in jobs if job != jobs[3])


async def test_jobs_of_a_key_keep_their_order_and_wait_for_one_that_is_retried(rig: RigMaker) -> None:
    seen: list[tuple[int, int]] = []

    @handler("shared", share_transaction=True, retry=[0.1])
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)
        if payload["n"] == 2 and job.attempt == 0:
            raise ValueError("not yet")
        seen.append((payload["n"], job.attempt))

    async with rig(shared) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "shared", NUMBERS[:5], key="k")
        free = await enqueue_all(r, "shared", NUMBERS[5:])
        assert await ends(r, [*jobs, *free]) == [3] * 8
        last = {n: place for place, (n, _) in enumerate(seen) if n < 5}
        assert sorted(last, key=last.__getitem__) == [0, 1, 2, 3, 4], seen
        assert (2, 1) in seen
        assert await effects(r) == but()


@pytest.mark.parametrize("value", [object(), float("nan")])
async def test_a_result_that_cannot_be_kept_fails_its_own_job(rig: RigMaker, value: Any) -> None:
    @handler("shared", share_transaction=True, max_retries=0)
    async def shared(payload: dict[str, int], job: Job) -> Any:
        await write(job, payload)
        return value if payload["n"] == 1 else payload["n"]

    async with rig(shared) as r:
        await r.sql(EFFECTS)
        assert await ends(r, await enqueue_all(r, "shared", NUMBERS)) == [3, 4, 3, 3, 3, 3, 3, 3]
        assert await effects(r) == but(1)


async def test_a_handler_can_end_nothing_of_the_others(rig: RigMaker) -> None:
    @handler("shared", share_transaction=True)
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)
        with contextlib.suppress(Permanent):
            match payload["n"]:
                case 1:
                    await job.db.commit()
                case 3:
                    await job.db.rollback()
                case 5:
                    await job.step("outside", lambda: None)
                case 6:
                    await job.db.begin_nested()

    async with rig(shared) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "shared", NUMBERS)
        assert await ends(r, jobs) == [3, 4, 3, 4, 3, 3, 4, 3]
        for job in (jobs[1], jobs[3], jobs[6]):
            row = await r.job(job)
            assert (row["failure"], "belongs to the hub" in row["lasterror"]) == ("permanent", True)
        assert await effects(r) == but(1, 3, 6)


async def test_a_step_is_refused_alone_or_together(rig: RigMaker) -> None:
    @handler("shared", share_transaction=True)
    async def shared(job: Job) -> None:
        await job.step("outside", lambda: None)

    async with rig(shared) as r:
        row = await r.until(await r.enqueue("shared"))
        assert (row["statusid"], row["failure"]) == (4, "permanent")
        assert row["lasterror"].startswith("StepInsideTransaction")


async def test_a_swallowed_error_is_that_of_its_own_job(rig: RigMaker) -> None:
    @handler("shared", share_transaction=True, max_retries=0)
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)
        if payload["n"] == 3:
            with contextlib.suppress(DBAPIError):
                await job.db.execute(text("INSERT INTO no_such_table VALUES (1)"))

    async with rig(shared) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "shared", NUMBERS)
        # PostgreSQL aborts a transaction at its first error; the others go on.
        aborts = r.database.dialect == "postgresql"
        assert await ends(r, jobs) == [3, 3, 3, 4 if aborts else 3, 3, 3, 3, 3]
        assert await effects(r) == (but(3) if aborts else but())


async def test_the_connection_of_a_job_that_has_ended_is_of_no_use_to_the_next(rig: RigMaker) -> None:
    kept: list[AsyncConnection] = []
    refused: list[str] = []

    @handler("shared", share_transaction=True)
    async def shared(payload: dict[str, int], job: Job) -> None:
        for one in kept:
            try:
                await one.execute(EFFECT, {"msg": "smuggled"})
            except ResourceClosedError as error:
                refused.append(str(error))
        await write(job, payload)
        kept.append(job.db)

    async with rig(shared) as r:
        await r.sql(EFFECTS)
        assert await ends(r, await enqueue_all(r, "shared", NUMBERS)) == [3] * 8
        assert await effects(r) == but()
        assert refused


async def test_savepoints_of_the_handlers_own(rig: RigMaker) -> None:
    @handler("shared", share_transaction=True, max_retries=0)
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)
        with contextlib.suppress(LookupError):
            async with job.db.begin_nested():
                await job.db.execute(EFFECT, {"msg": "undone"})
                raise LookupError
        if payload["n"] == 4:
            raise ValueError("four")

    async with rig(shared) as r:
        await r.sql(EFFECTS)
        await ends(r, await enqueue_all(r, "shared", NUMBERS))
        assert await effects(r) == but(4)


async def test_one_that_waits_for_something_else_ends_its_group_and_is_named_once(
    rig: RigMaker, caplog: pytest.LogCaptureFixture
) -> None:
    @handler("shared", share_transaction=True)
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)
        await asyncio.sleep(0.01)

    with caplog.at_level(logging.WARNING, "hub.queue"):
        async with rig(shared) as r:
            await r.sql(EFFECTS)
            assert await ends(r, await enqueue_all(r, "shared", NUMBERS)) == [3] * 8
            assert await effects(r) == but()
    assert [r.getMessage().split(",")[0] for r in caplog.records if "waits for something else" in r.getMessage()] == [
        "handler shared shares its transaction and waits for something else than a statement on job.db"
    ]


async def test_no_warning_for_statements_alone(rig: RigMaker, caplog: pytest.LogCaptureFixture) -> None:
    @handler("shared", share_transaction=True)
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)
        (await job.db.execute(text("SELECT msg FROM effects"))).all()
        async with job.db.begin_nested():
            await write(job, payload)

    with caplog.at_level(logging.WARNING, "hub.queue"):
        async with rig(shared) as r:
            await r.sql(EFFECTS)
            assert await ends(r, await enqueue_all(r, "shared", NUMBERS)) == [3] * 8
    assert not [r for r in caplog.records if "waits for something else" in r.getMessage()]


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


async def test_what_ends_the_transaction_on_the_drivers_connection_is_done_once_and_seen(rig: RigMaker) -> None:
    @handler("shared", share_transaction=True, retry=[0.01])
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)
        if payload["n"] == 3:
            driver = await job.driver()
            await driver.execute("COMMIT")

    async with rig(shared) as r:
        if r.database.dialect != "postgresql":
            pytest.skip("what is handed out there can be guarded, or says so by itself")
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "shared", NUMBERS)
        found = await ends(r, jobs)
        assert found[3] == 4
        assert "its effects stand" in (await r.job(jobs[3]))["lasterror"]
        assert await effects(r) == but(), "each once, whether its job is seen as failed or not"


async def test_the_drivers_connection_serves_a_group_too(rig: RigMaker, commits: Commits) -> None:
    @handler("shared", share_transaction=True, max_retries=0)
    async def shared(payload: dict[str, int], job: Job) -> None:
        driver = await job.driver()
        sql = f"INSERT INTO effects (msg) VALUES ('{payload['n']}')"
        await (driver.cursor() if r.database.dialect == "mysql" else driver).execute(sql)
        if payload["n"] == 6:
            raise ValueError("six")

    async with rig(shared) as r:
        await r.sql(EFFECTS)
        await ends(r, await enqueue_all(r, "shared", NUMBERS))
        assert await effects(r) == but(6)
        assert max(commits.sizes) > 1

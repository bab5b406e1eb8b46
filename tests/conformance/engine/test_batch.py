"""Batch handlers: many jobs in one call and one commit, and an end for each of them."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from hub import Batch, handler
from hub.errors import Cancel, Permanent, Retry, Snooze
from tests.conformance.engine.rig import Rig, RigMaker
from tests.conformance.engine.together import EFFECT, EFFECTS, NUMBERS, Commits, but, effects, ends, enqueue_all
from tests.faults.outside import Outside


@dataclass
class Reading:
    n: int


async def write(batch: Batch[Reading], *but: int) -> None:
    rows = [{"msg": str(reading.n)} for reading in batch.payloads if reading.n not in but]
    if rows:
        await batch.db.execute(EFFECT, rows)


async def alike(r: Rig, jobs: Sequence[str], column: str) -> list[Any]:
    return [(await r.job(job))[column] for job in jobs]


async def test_one_call_one_commit_and_a_result_and_a_history_for_each(rig: RigMaker, commits: Commits) -> None:
    sizes: list[int] = []

    @handler("store", batch=50)
    async def store(batch: Batch[Reading]) -> list[int]:
        sizes.append(len(batch))
        await write(batch)
        return [reading.n * 2 for job, reading in batch if job.handler == "store"]

    async with rig(store) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "store", [{"n": n} for n in range(120)])
        assert await ends(r, jobs) == [3] * 120
        assert len(set(await effects(r))) == len(await effects(r)) == 120
        assert max(sizes) > 10, "a claim brings as many as the handler takes at once"
        assert max(sizes) <= 50
        assert sum(commits.sizes) + sizes.count(1) == 120
        assert (await r.job(jobs[7]))["result"] == "14"
        [history] = await r.histories(jobs[7])
        assert (history["statusid"], history["inputdata"], history["outputdata"]) == (3, '{"n":7}', "14")
        assert len(r.metrics.runs) == 120


async def test_without_sql_and_without_results(rig: RigMaker) -> None:
    @handler("look", batch=50)
    async def look(batch: Batch[Any]) -> None:
        assert [job.json() for job in batch.jobs] == list(batch.payloads)

    async with rig(look) as r:
        jobs = await enqueue_all(r, "look", NUMBERS)
        assert await ends(r, jobs) == [3] * 8
        assert await alike(r, jobs, "result") == [None] * 8


async def test_some_fail_while_the_others_commit(rig: RigMaker) -> None:
    @handler("store", batch=50, max_retries=1, retry=[60])
    async def store(batch: Batch[Reading]) -> list[int]:
        await write(batch, 1, 2, 3, 4, 5)
        for job, reading in batch:
            match reading.n:
                case 1:
                    batch.fail(job, Permanent("never"))
                case 2:
                    batch.fail(job, "not now")
                case 3:
                    batch.retry(job, "later", delay=120)
                case 4:
                    batch.fail(job, Cancel("not wanted"))
                case 5:
                    batch.fail(job, Snooze(60))
        return [reading.n for reading in batch.payloads]

    async with rig(store) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "store", NUMBERS)
        expected = [3, 4, 5, 5, 6, 1, 3, 3]
        assert [(await r.until(job, end))["statusid"] for job, end in zip(jobs, expected, strict=True)] == expected
        assert await effects(r) == but(1, 2, 3, 4, 5)
        assert [len(await r.histories(job)) for job in jobs] == [1, 1, 1, 1, 1, 0, 1, 1]
        assert (await r.histories(jobs[2]))[0]["result"] == "Retry: not now"
        assert (await r.job(jobs[1]))["failure"] == "permanent"


async def test_when_all_fail_nothing_is_kept(rig: RigMaker) -> None:
    @handler("store", batch=50, max_retries=0)
    async def store(batch: Batch[Reading]) -> None:
        await write(batch)
        for job in batch.jobs:
            batch.fail(job, "the partner takes none")

    async with rig(store) as r:
        await r.sql(EFFECTS)
        assert await ends(r, await enqueue_all(r, "store", NUMBERS)) == [4] * 8
        assert await effects(r) == []


async def test_a_payload_that_does_not_fit_fails_alone_before_the_call(rig: RigMaker) -> None:
    seen: list[int] = []

    @handler("store", batch=50)
    async def store(batch: Batch[Reading]) -> None:
        seen.extend(reading.n for reading in batch.payloads)
        await write(batch)

    async with rig(store) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "store", [*NUMBERS[:4], {"n": "four"}, *NUMBERS[5:]])
        assert await ends(r, jobs) == [3, 3, 3, 3, 4, 3, 3, 3]
        assert (await r.job(jobs[4]))["lasterror"].startswith("PayloadInvalid: payload.n")
        assert sorted(seen) == [0, 1, 2, 3, 5, 6, 7]
        assert await effects(r) == but(4)


async def test_an_exception_is_found_to_be_the_fault_of_one(rig: RigMaker) -> None:
    @handler("store", batch=50, max_retries=0)
    async def store(batch: Batch[Reading]) -> None:
        await write(batch)

    async with rig(store) as r:
        await r.sql("CREATE TABLE effects (msg VARCHAR(100) UNIQUE)")
        await r.sql("INSERT INTO effects VALUES ('3')")
        jobs = await enqueue_all(r, "store", NUMBERS)
        assert await ends(r, jobs) == [3, 3, 3, 4, 3, 3, 3, 3]
        assert IntegrityError.__name__ in (await r.job(jobs[3]))["lasterror"]
        assert await effects(r) == but()
        assert [len(await r.histories(job)) for job in jobs] == [1] * 8


async def test_what_is_raised_on_purpose_is_for_all(rig: RigMaker) -> None:
    calls: list[int] = []

    @handler("store", batch=50)
    async def store(batch: Batch[Reading]) -> None:
        calls.append(len(batch))
        await write(batch)
        if len(calls) == 1:
            raise Retry("the partner is away", delay=0.05)

    async with rig(store, workers=1) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "store", NUMBERS)
        assert await ends(r, jobs) == [3] * 8
        assert await effects(r) == but()
        assert (await alike(r, jobs, "retrycount")).count(1) == calls[0]


@pytest.mark.parametrize("answer", [7, [1, 2, 3], {"n": 1}, "text"])
async def test_results_that_belong_to_nobody_fail_all(rig: RigMaker, answer: Any) -> None:
    @handler("store", batch=50)
    async def store(batch: Batch[Reading]) -> Any:
        await write(batch)
        return answer

    async with rig(store) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "store", NUMBERS)
        assert await ends(r, jobs) == [4] * 8
        assert all("a result for each job" in error for error in await alike(r, jobs, "lasterror"))
        assert await effects(r) == []


async def test_a_result_that_cannot_be_kept_fails_its_own_job(rig: RigMaker) -> None:
    @handler("store", batch=50)
    async def store(batch: Batch[Reading]) -> list[Any]:
        return [object() if reading.n == 2 else reading.n for reading in batch.payloads]

    async with rig(store) as r:
        assert await ends(r, await enqueue_all(r, "store", NUMBERS)) == [3, 3, 4, 3, 3, 3, 3, 3]


async def test_one_that_is_cancelled_leaves_and_the_others_go_again(rig: RigMaker) -> None:
    entered = asyncio.Event()
    with_two: list[bool] = []

    @handler("store", batch=50, max_retries=0)
    async def store(batch: Batch[Reading]) -> None:
        await write(batch)
        with_two.append(any(reading.n == 2 for reading in batch.payloads))
        if with_two[-1]:
            entered.set()
            await asyncio.Event().wait()

    async with rig(store) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "store", NUMBERS)
        async with asyncio.timeout(20):
            await entered.wait()
        await r.engine.cancel(jobs[2], reason="not wanted", actor="test")
        assert await ends(r, jobs) == [3, 3, 6, 3, 3, 3, 3, 3]
        assert await effects(r) == but(2)
        assert with_two.count(True) == 1


async def test_a_timeout_is_that_of_the_call_and_its_jobs_go_on_alone(rig: RigMaker) -> None:
    sizes: list[int] = []

    @handler("store", batch=50, timeout=1.5, retry=[0.01])
    async def store(batch: Batch[Reading]) -> None:
        sizes.append(len(batch))
        await write(batch)
        if len(batch) > 1:
            await asyncio.Event().wait()

    async with rig(store, workers=1) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "store", NUMBERS)
        assert await ends(r, jobs) == [3] * 8
        assert await effects(r) == but()
        timed_out = [job for job in jobs if len(await r.histories(job)) == 2]
        assert len(timed_out) == sum(size for size in sizes if size > 1)
        assert (await r.histories(timed_out[0]))[0]["result"] == "JobTimeout: ran longer than its timeout of 1.5 s"


async def test_one_whose_fence_is_lost_keeps_none_of_its_effects(rig: RigMaker, commits: Commits) -> None:
    robbed: list[str] = []
    with contextlib.ExitStack() as stack:

        @handler("store", batch=50)
        async def store(batch: Batch[Reading]) -> None:
            for job, reading in batch:
                if reading.n == 0 and not robbed:
                    robbed.append(job.id)
                    outside.fetch(
                        f"UPDATE queue_jobs SET fence = fence + 1, leaseowner = 'other' WHERE id = '{job.id}'"
                    )
            await write(batch)

        async with rig(store) as r:
            outside = stack.enter_context(Outside.of(r.url))
            await r.sql(EFFECTS)
            jobs = await enqueue_all(r, "store", NUMBERS)
            assert await ends(r, jobs[1:]) == [3] * 7
            assert await effects(r) == but(0)
            assert (await r.job(jobs[0]))["leaseowner"] == "other"
            assert await r.histories(jobs[0]) == []


async def test_what_jobs_send_leaves_with_the_commit_but_not_that_of_one_that_failed(rig: RigMaker) -> None:
    @handler("store", batch=50, max_retries=0)
    async def store(batch: Batch[Reading]) -> None:
        await write(batch)
        for job, reading in batch:
            await job.enqueue("child", reading.n)
            if reading.n == 3:
                batch.fail(job, "three")

    @handler("child")
    async def child() -> None: ...

    async with rig(store, child) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "store", NUMBERS)
        assert await ends(r, jobs) == [3, 3, 3, 4, 3, 3, 3, 3]
        await r.ran(15)
        rows = await r.sql("SELECT parentjobid FROM queue_jobs WHERE handler = 'child'")
        assert sorted(row["parentjobid"] for row in rows) == sorted(job for job in jobs if job != jobs[3])


async def test_jobs_of_a_key_keep_their_order_and_wait_for_one_that_is_retried(rig: RigMaker) -> None:
    done: list[int] = []

    @handler("store", batch=50, retry=[0.1])
    async def store(batch: Batch[Reading]) -> None:
        await write(batch)
        for job, reading in batch:
            if reading.n == 2 and job.attempt == 0:
                batch.retry(job)
            else:
                done.append(reading.n)

    async with rig(store) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "store", NUMBERS[:5], key="k")
        free = await enqueue_all(r, "store", NUMBERS[5:])
        assert await ends(r, [*jobs, *free]) == [3] * 8
        last = {n: place for place, n in enumerate(done) if n < 5}
        assert sorted(last, key=last.__getitem__) == [0, 1, 2, 3, 4], done
        assert await effects(r) == but()


async def test_a_handler_cannot_end_the_transaction(rig: RigMaker) -> None:
    @handler("store", batch=50)
    async def store(batch: Batch[Reading]) -> None:
        await write(batch)
        with contextlib.suppress(Permanent):
            await batch.db.commit()

    async with rig(store) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "store", NUMBERS)
        assert await ends(r, jobs) == [4] * 8
        assert set(await alike(r, jobs, "failure")) == {"permanent"}
        assert await effects(r) == []


async def test_a_step_is_refused(rig: RigMaker) -> None:
    @handler("store", batch=50)
    async def store(batch: Batch[Reading]) -> None:
        await batch.jobs[0].step("outside", lambda: None)

    async with rig(store) as r:
        jobs = await enqueue_all(r, "store", NUMBERS)
        assert await ends(r, jobs) == [4] * 8
        assert all(error.startswith("StepInsideTransaction") for error in await alike(r, jobs, "lasterror"))


async def test_one_that_failed_before_is_called_alone(rig: RigMaker) -> None:
    alone: list[int] = []

    @handler("store", batch=50, retry=[0.02])
    async def store(batch: Batch[Reading]) -> None:
        for job, reading in batch:
            if job.attempt:
                alone.append(len(batch))
            else:
                batch.fail(job, f"{reading.n} is not there yet")

    async with rig(store) as r:
        assert await ends(r, await enqueue_all(r, "store", NUMBERS)) == [3] * 8
        assert alone == [1] * 8


async def test_others_of_the_queue_run_between_batches(rig: RigMaker) -> None:
    @handler("store", batch=50)
    async def store(batch: Batch[Reading]) -> None:
        await write(batch)

    @handler("single")
    async def single(payload: Reading) -> int:
        return payload.n

    async with rig(store, single) as r:
        await r.sql(EFFECTS)
        mixed = []
        for each in NUMBERS:
            mixed += await enqueue_all(r, "store", [each])
            mixed += await enqueue_all(r, "single", [each])
        assert await ends(r, mixed) == [3] * 16
        assert await effects(r) == but()

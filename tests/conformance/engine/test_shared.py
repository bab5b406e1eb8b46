"""Jobs that share a transaction: what each may rely on is what it could rely on alone."""

from typing import Any

import pytest
from sqlalchemy import text

from hub import Job, handler
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

pytestmark = pytest.mark.usefixtures("few_groups")


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

"""A job that goes on when all children of its parent have ended: once, whatever ends them, and after a crash."""

import asyncio
from typing import Any

import pytest

from hub import Job, handler
from hub.errors import Permanent
from hub.handlers.sync import SyncJob
from tests.conformance.engine.rig import Rig, RigMaker


@handler("part", max_retries=1, retry=[0.01])
async def part(payload: Any, job: Job) -> Any:
    if payload == "fail":
        raise Permanent("no")
    if payload == "once more" and job.attempt == 0:
        raise ValueError("not yet")
    return {"got": payload}


@handler("parent")
async def parent(payload: dict[str, Any], job: Job) -> str:
    await job.enqueue_many("part", payload["parts"])
    rule = payload.get("on_failure", "continue")
    return await job.after_children("whole", {"of": len(payload["parts"])}, on_failure=rule)


@handler("whole")
async def whole(payload: Any, job: Job) -> list[Any]:
    return [payload, *((child.handler, child.status, child.result, child.error) for child in await job.children())]


async def ended(r: Rig, payload: Any, name: str = "parent") -> Any:
    """The row of the job that waited, once it has ended; its parent's id is answered in the parent's result."""
    row = await r.until(await r.enqueue(name, payload, queue="default"))
    return await r.until(row["result"].strip('"'))


async def test_it_runs_once_when_all_have_ended_and_reads_what_they_returned(rig: RigMaker) -> None:
    async with rig(part, parent, whole, poll_interval=60) as r:
        row = await ended(r, {"parts": [1, "once more", 3]})
        assert row["statusid"] == 3
        assert row["result"] == (
            '[{"of":3},["part","completed",{"got":1},null],["part","completed",{"got":"once more"},null],'
            '["part","completed",{"got":3},null]]'
        )
        assert [history["statusid"] for history in await r.histories(row["id"])] == [3]


async def test_without_children_it_runs_at_once(rig: RigMaker) -> None:
    async with rig(part, parent, whole, poll_interval=60) as r:
        assert (await ended(r, {"parts": []}))["result"] == '[{"of":0}]'


async def test_a_failed_child_is_seen_or_fails_it(rig: RigMaker) -> None:
    async with rig(part, parent, whole, poll_interval=60) as r:
        seen = await ended(r, {"parts": ["fail", 1]})
        assert (seen["statusid"], '["part","failed",null,"Permanent: no' in seen["result"]) == (3, True)
        failed = await ended(r, {"parts": ["fail", 1], "on_failure": "fail"})
        assert (failed["statusid"], failed["failure"]) == (4, "permanent")
        assert "did not complete" in failed["lasterror"]
        assert await r.histories(failed["id"]) == []


async def test_a_thread_has_it_too(rig: RigMaker) -> None:
    @handler("parent in a thread")
    def in_thread(payload: Any, job: SyncJob) -> str:
        job.enqueue_many("part", payload)
        return job.after_children("whole in a thread")

    @handler("whole in a thread")
    def whole_in_thread(payload: Any, job: SyncJob) -> list[str]:
        return [child.status for child in job.children()]

    async with rig(part, in_thread, whole_in_thread) as r:
        assert (await ended(r, [1, 2], "parent in a thread"))["result"] == '["completed","completed"]'


async def test_it_waits_for_every_child_and_not_for_messages(rig: RigMaker) -> None:
    let = asyncio.Event()

    @handler("slow")
    async def slow(payload: Any) -> None:
        await let.wait()

    @handler("mixed")
    async def mixed(payload: Any, job: Job) -> str:
        await job.enqueue("slow", queue="default")
        await job.enqueue("part", queue="default")
        await job.publish("nowhere", "topic", 1)
        return await job.after_children("whole", key="k")

    async with rig(part, slow, mixed, whole, poll_interval=60) as r:
        row = await r.until(await r.enqueue("mixed", queue="default"))
        await r.ran(2)
        waiting = row["result"].strip('"')
        assert ((await r.job(waiting))["statusid"], (await r.job(waiting))["gate"]) == (7, 2)
        let.set()
        assert (await r.until(waiting))["statusid"] == 3


async def test_children_that_end_by_other_hands_are_found_by_the_sweep(rig: RigMaker) -> None:
    @handler("far")
    async def far(payload: Any, job: Job) -> str:
        await job.enqueue("part", queue="default", delay=3600.0)
        await job.enqueue("part", queue="default", delay=3600.0)
        return await job.after_children("whole")

    async with rig(part, far, whole, lease=1.0) as r:
        row = await r.until(await r.enqueue("far", queue="default"))
        children = await r.sql("SELECT id FROM queue_jobs WHERE handler = 'part'")
        await r.engine.cancel(children[0]["id"], reason="no", actor="test")
        await r.sql("UPDATE queue_jobs SET statusid = 3 WHERE id = :id", id=children[1]["id"])
        assert (await r.until(row["result"].strip('"')))["statusid"] == 3


async def test_many_parents_at_once_each_go_on_once(rig: RigMaker) -> None:
    async with rig(part, parent, whole, workers=20) as r:
        ids = await asyncio.gather(
            *(r.enqueue("parent", {"parts": list(range(10))}, queue="default") for _ in range(20))
        )
        for job_id in ids:
            row = await r.until(job_id)
            assert (await r.until(row["result"].strip('"')))["statusid"] == 3
        [count] = await r.sql(
            "SELECT count(*) AS n FROM job_histories h JOIN queue_jobs j ON j.id = h.jobid WHERE j.handler = 'whole'"
        )
        assert count["n"] == 20


async def test_a_parent_that_fails_leaves_neither_children_nor_what_waits(rig: RigMaker) -> None:
    @handler("failing", max_retries=0)
    async def failing(payload: Any, job: Job) -> None:
        await job.enqueue("part")
        await job.after_children("whole")
        raise ValueError("no")

    async with rig(part, failing, whole) as r:
        assert (await r.until(await r.enqueue("failing", queue="default")))["statusid"] == 4
        [count] = await r.sql("SELECT count(*) AS n FROM queue_jobs")
        assert count["n"] == 1


@pytest.mark.parametrize("options", [{"delay": 5.0}, {"on_failure": "perhaps"}])
async def test_what_makes_no_sense_is_refused(sqlite_url: str, options: dict[str, Any]) -> None:
    from tests.conformance.engine.rig import running

    @handler("wrong")
    async def wrong(payload: Any, job: Job) -> None:
        await job.after_children("whole", **options)

    async with running(sqlite_url, wrong) as r:
        row = await r.until(await r.enqueue("wrong", queue="default"))
        assert (row["statusid"], row["failure"]) == (4, "permanent")

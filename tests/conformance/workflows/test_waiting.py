"""Signals, times, rows that SQL inserts, workflows that others start, what the monitor and the housekeeping do."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from hub import Job, handler
from hub.errors import Conflict, NotFound
from hub.workflows.definition import Workflow
from tests.conformance.workflows.rig import Rig, RigMaker, states, steps

DRIVERS = {"postgresql": "postgresql+asyncpg", "mysql": "mysql+asyncmy", "sqlite": "sqlite+aiosqlite"}


@handler("note")
async def note(job: Job) -> dict[str, Any]:
    assert job.workflow is not None
    return {job.workflow.step: True}


APPROVAL = (
    Workflow("approval").step("ask", note).wait("approval", "approved", after="ask").step("act", note, after="approval")
)


async def test_a_step_waits_for_its_signal_and_takes_its_payload(rig: RigMaker) -> None:
    async with rig(APPROVAL, handlers=[note]) as r:
        workflow_id = await r.start("approval", {"amount": 7})
        waiting = await r.until_step(workflow_id, "approval", "waiting")
        assert (waiting["wait_for"], waiting["due_at"]) == ("approved", None)
        assert await r.workflows.signal(workflow_id, "approved", {"by": "Ada"}) == ["approval"]
        done = await r.until(workflow_id, "completed")
        assert done["context"] == {"amount": 7, "ask": True, "by": "Ada", "act": True}
        with pytest.raises(Conflict, match="completed"):
            await r.workflows.signal(workflow_id, "approved")


async def test_a_signal_that_comes_before_its_step_is_kept(rig: RigMaker) -> None:
    gate = asyncio.Event()

    @handler("gated")
    async def gated() -> None:
        await gate.wait()

    async with rig(Workflow("early").step("one", gated).wait("two", "go", after="one")) as r:
        workflow_id = await r.start("early")
        assert await r.workflows.signal(workflow_id, "go", "text") == []
        with pytest.raises(NotFound, match="'gone'"):
            await r.workflows.signal(workflow_id, "gone")
        gate.set()
        assert (await r.until(workflow_id, "completed"))["context"] == {"two": "text"}


async def test_a_signal_that_does_not_come_in_time_fails_its_step_and_may_still_come(rig: RigMaker) -> None:
    flow = Workflow("late").step("ask", note).wait("answer", "answered", after="ask", timeout=1.0)
    async with rig(flow) as r:
        workflow_id = await r.start("late")
        failed = await r.until(workflow_id, "failed")
        assert "no signal 'answered' came in time" in steps(failed)["answer"]["error_message"]
        with pytest.raises(Conflict, match="nothing waits"):
            await r.workflows.signal(workflow_id, "answered")
        assert await r.workflows.resume(workflow_id, actor="test") == ["answer"]
        assert await r.workflows.signal(workflow_id, "answered", {"by": "Ada"}) == ["answer"]
        assert (await r.until(workflow_id, "completed"))["context"]["by"] == "Ada"


async def test_a_resumed_step_waits_for_its_signal_anew(rig: RigMaker) -> None:
    flow = Workflow("again").step("ask", note).wait("answer", "answered", after="ask", timeout=60)
    flow.wait("patient", "answered", after="ask")
    async with rig(flow) as r:
        workflow_id = await r.start("again")
        await r.until_step(workflow_id, "answer", "waiting")
        await r.workflows.cancel(workflow_id, actor="test")
        await _ended_jobs(r, 2)
        assert sorted(await r.workflows.resume(workflow_id, actor="test")) == ["answer", "patient"]
        waiting = await r.until(workflow_id, "running", met=lambda s: states(s)["answer"] == "waiting")
        assert steps(waiting)["answer"]["due_at"] - r.hub.clock.now() > timedelta(seconds=50)
        assert steps(waiting)["patient"]["due_at"] is None
        assert sorted(await r.workflows.signal(workflow_id, "answered", {"by": "Ada"})) == ["answer", "patient"]
        assert (await r.until(workflow_id, "completed"))["context"]["by"] == "Ada"


async def test_a_resumed_step_keeps_the_time_that_it_waits_for(rig: RigMaker) -> None:
    flow = Workflow("reminder").step("pause", delay=3600).step("remind", note, delay=timedelta(milliseconds=1500))
    async with rig(flow) as r:
        began = r.hub.clock.now()
        workflow_id = await r.start("reminder")
        before = await r.until_step(workflow_id, "pause", "waiting")
        await r.workflows.cancel(workflow_id, actor="test")
        await _ended_jobs(r, 2)
        await r.workflows.resume(workflow_id, actor="test")
        done = await r.until_step(workflow_id, "remind", "completed")
        assert done["completed_at"] - began >= timedelta(seconds=1.4)
        pause = await r.until_step(workflow_id, "pause", "waiting")
        assert pause["due_at"] == before["due_at"]


async def _ended_jobs(r: Rig, count: int) -> None:
    async with asyncio.timeout(20):
        while len(await r.sql("SELECT id FROM queue_jobs WHERE statusid = 6")) < count:  # noqa: ASYNC110 - rows
            await asyncio.sleep(0.01)


async def test_steps_wait_for_a_time(rig: RigMaker) -> None:
    flow = (
        Workflow("timed")
        .step("pause", delay=timedelta(milliseconds=300))
        .step("after", note, after="pause")
        .step("named", note, until="when.exactly")
        .step("senseless", note, until="what")
    )
    async with rig(flow) as r:
        at = r.hub.clock.now() + timedelta(seconds=0.5)
        workflow_id = await r.start("timed", {"when": {"exactly": at.isoformat()}, "what": "tomorrow"})
        failed = await r.until(workflow_id, "failed", met=lambda s: states(s)["named"] == "completed")
        found = steps(failed)
        assert "until: 'what' is no time" in found["senseless"]["error_message"]
        assert found["named"]["started_at"] >= at - timedelta(milliseconds=50)
        pause = await r.until_step(workflow_id, "pause", "completed")
        assert pause["completed_at"] - failed["created_at"] >= timedelta(milliseconds=250)


async def test_a_row_that_sql_inserts_is_begun(rig: RigMaker) -> None:
    async with rig(APPROVAL, Workflow("pause").step("pause", until="when")) as r:
        for id, type, context in (
            ("an-endless-time", "pause", '{"when": 1e999}'),
            ("beside-endless", "pause", '{"when": "2001-01-01", "amount": 1e999}'),
            ("by-approval", "approval", '{"amount": 1}'),
            ("by-unheard", "unheard", '{"amount": 1}'),
            ("by-list", "approval", "[1]"),
            ("a" * 250, "approval", '{"amount": 1}'),
            ("by-huge", "approval", '{"amount": 1e5000}'),
        ):
            await r.sql(
                "INSERT INTO workflow_executions (workflow_id, workflow_type, status, context) "
                f"VALUES (:id, :type, 'pending', '{context}')",
                id=id,
                type=type,
            )
        r.hub.monitor.suspect("nothing")  # so that it looks now, not in seconds
        await r.until_step("by-approval", "approval", "waiting")
        assert (await r.workflows.summary("by-approval"))["context"] == {"amount": 1, "ask": True}
        # Ids of its steps would be longer than the column; that holds up none of those behind it.
        refused = await r.until("a" * 250, "failed")
        assert refused["error_message"].startswith("workflow_id is too long: ")
        refused = await r.until("by-unheard", "failed")
        assert refused["error_message"] == "there is no workflow 'unheard'"
        refused = await r.until("by-list", "failed")
        assert (refused["error_message"], refused["context"]) == ("the context is a JSON object", [1])
        assert "amount" in (await r.workflows.summary("by-huge"))["context"]  # as text, where no program can read it
        refused = await r.until("an-endless-time", "failed")
        assert "until: 'when' is no time" in refused["error_message"]
        await r.until("beside-endless", "completed")
        await r.sql("DELETE FROM workflow_executions WHERE workflow_id = 'by-approval'")
        await r.sql(
            "INSERT INTO workflow_executions (workflow_id, workflow_type, status) "
            "VALUES ('by-approval', 'approval', 'pending')"
        )
        r.hub.monitor.suspect("nothing")
        refused = await r.until("by-approval", "failed")  # the jobs of the one before it are there still
        assert refused["error_message"].startswith("the database refuses its steps: ")


async def test_an_application_starts_one_in_its_own_transaction(rig: RigMaker, database_url: str) -> None:
    scheme, _, rest = database_url.partition("://")
    engine = create_async_engine(f"{DRIVERS[scheme]}://{rest}")
    async with rig(Workflow("short").step("one", note).step("two", note, after="one")) as r:
        async with engine.begin() as connection:
            kept = await r.start("short", {"n": 1}, connection=connection)
        async with engine.connect() as connection:
            undone = await r.start("short", {"n": 2}, connection=connection)
            await connection.rollback()
        await engine.dispose()
        done = await r.until(kept, "completed")
        assert done["context"] == {"n": 1, "one": True, "two": True}
        with pytest.raises(NotFound):
            await r.workflows.summary(undone)


async def test_a_route_starts_one_by_configuration_alone(rig: RigMaker) -> None:
    async with rig(Workflow("short").step("one", note)) as r:
        job_id = await r.hub.enqueue("workflow.start", {"n": 1}, metadata={"with": {"workflow": "short"}})
        wrong = await r.hub.enqueue("workflow.start", {"n": 1}, metadata={"with": {"workflow": "shorter"}})
        page = await _first_page(r)
        done = await r.until(page[0]["workflow_id"], "completed")
        assert (done["context"], done["created_by"]) == ({"n": 1, "one": True}, job_id)
        refused = await _settled(r, wrong)
        assert (refused["status"], "'shorter'" in refused["lasterror"]) == ("failed", True)


async def test_lists_are_paged_and_filtered(rig: RigMaker) -> None:
    async with rig(APPROVAL, Workflow("short").step("one", note)) as r:
        ids = [await r.start("short") for _ in range(5)]
        for workflow_id in ids:
            await r.until(workflow_id, "completed")
        waiting = await r.start("approval")
        first, cursor = await r.workflows.page(type="short", limit=3)
        rest, end = await r.workflows.page(type="short", limit=3, cursor=cursor)
        assert [each["workflow_id"] for each in first + rest] == ids[::-1]
        assert end is None
        assert (first[0]["steps_completed"], first[0]["steps_begun"]) == (1, 1)
        running, _ = await r.workflows.page(status="running")
        assert [each["workflow_id"] for each in running] == [waiting]
        assert await r.workflows.counts() == {"pending": 0, "running": 1, "completed": 5, "failed": 0, "cancelled": 0}


async def test_a_job_that_another_process_buried_fails_its_workflow(rig: RigMaker) -> None:
    async with rig(APPROVAL) as r:
        # What somebody has written by SQL into a row before it keeps nobody from looking at this one.
        broken = await r.start("approval")
        await r.until_step(broken, "approval", "waiting")
        await r.sql("UPDATE workflow_executions SET progress = 'none', definition = '{}', signals = '[1]'")
        assert (await r.workflows.summary(broken))["steps"] == []
        assert [each["steps_begun"] for each in (await r.workflows.page())[0]] == [0]
        workflow_id = await r.start("approval")
        await r.until_step(workflow_id, "approval", "waiting")
        await r.sql(
            "UPDATE queue_jobs SET statusid = 4, lasterror = 'buried' WHERE id = :id", id=f"{workflow_id}:approval"
        )
        await r.hub.monitor.sweep()
        failed = await r.until(workflow_id, "failed")
        assert (failed["error_message"], states(failed)["approval"]) == ("approval: buried", "failed")


async def test_what_does_not_move_is_told_and_lost_steps_come_back(rig: RigMaker) -> None:
    flow = Workflow("stuck").step("one", note, delay=3600).step("two", note, after="one")
    async with rig(flow, APPROVAL) as r:
        patient, delayed, workflow_id = await r.start("approval"), await r.start("stuck"), await r.start("stuck")
        await r.until_step(patient, "approval", "waiting")
        await r.sql("DELETE FROM queue_jobs WHERE id = :id", id=f"{workflow_id}:one")
        assert await r.workflows.stuck(3600) == []
        for name in ("started_at", "updated_at"):
            await r.sql(f"UPDATE workflow_executions SET {name} = '2026-01-01T00:00:00.000'")
        # Those that wait for a signal or a time, however many there are, hide none.
        assert patient < delayed < workflow_id
        assert [each["workflow_id"] for each in await r.workflows.stuck(3600, 1)] == [workflow_id]
        job = await _settled(r, await r.hub.enqueue("system.workflows.stuck"))
        assert job["result"] == f'{{"stuck":["{workflow_id}"],"mended":1}}'
        assert [
            row["statusid"]
            for row in await r.sql("SELECT statusid FROM queue_jobs WHERE id = :id", id=f"{workflow_id}:one")
        ] == [7]


async def test_old_workflows_are_deleted_with_their_steps_failed_ones_stay(rig: RigMaker) -> None:
    @handler("broken", max_retries=0)
    async def broken() -> None:
        raise RuntimeError("no")

    async with rig(Workflow("short").step("one", note), Workflow("bad").step("one", broken)) as r:
        old, bad = await r.start("short"), await r.start("bad")
        await r.until(old, "completed")
        await r.until(bad, "failed")
        await r.sql("UPDATE workflow_executions SET completed_at = '2026-01-01T00:00:00.000'")
        new = await r.start("short")
        await r.until(new, "completed")
        job = await _settled(r, await r.hub.enqueue("system.workflows.cleanup", {"days": 30}))
        assert job["result"] == '{"workflows":1}'
        left = {row["workflow_id"] for row in await r.sql("SELECT DISTINCT workflow_id FROM workflow_steps")}
        assert left == {bad, new}
        counted = await _settled(r, await r.hub.enqueue("system.workflows.metrics"))
        assert counted["result"] == '{"pending":0,"running":0,"completed":1,"failed":1,"cancelled":0}'


async def test_a_hub_with_workflows_keeps_house_by_its_schedules(rig: RigMaker) -> None:
    changed = {"schedules": {"workflows-cleanup": {"handler": "system.workflows.cleanup", "cron": "0 4 * * *"}}}
    async with rig(APPROVAL, roles=["worker", "scheduler"], configuration=changed) as r:
        kept = await r.sql(
            "SELECT name, handler, cronexpression, intervalseconds FROM jobs WHERE owner = 'config' ORDER BY name"
        )
        assert [tuple(row.values()) for row in kept] == [
            ("workflows-cleanup", "system.workflows.cleanup", "0 4 * * *", None),
            ("workflows-health", "system.health.check", None, 60),
            ("workflows-metrics", "system.workflows.metrics", None, 600),
            ("workflows-stuck", "system.workflows.stuck", None, 300),
        ]


async def _first_page(r: Rig) -> list[dict[str, Any]]:
    async with asyncio.timeout(20):
        while True:
            if page := (await r.workflows.page())[0]:
                return page
            await asyncio.sleep(0.01)


async def _settled(r: Rig, job_id: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            job = await r.hub.records.job(job_id)
            if job is not None and job["status"] in ("completed", "failed", "cancelled"):
                return job
            await asyncio.sleep(0.01)


async def test_nothing_waits_for_the_poll(rig: RigMaker) -> None:
    @handler("with_sql")
    async def with_sql(job: Job) -> None:
        await job.db.execute(text("SELECT 1"))

    @handler("failing", retry=[0.05])
    async def failing(job: Job) -> None:
        if not job.attempt:
            raise RuntimeError("once")

    @handler("plain")
    async def nothing() -> None: ...

    flow = (
        Workflow("prompt")
        .step("plain", nothing)
        .step("sql", with_sql, after="plain")
        .step("branch", nothing, after="plain", queue="other")
        .step("timer", nothing, after=["sql", "branch"], delay=0.05)
        .step("retried", failing, after="timer")
        .wait("word", "word", after="retried")
        .step("last", nothing, after="word")
    )
    # Both longer than the test has patience.
    jobs = {"enabled": True, "workers": 10, "poll_interval": "5m", "lease": "15m", "shutdown_timeout": "5s"}
    async with rig(flow, configuration={"jobs": jobs}) as r:
        workflow_id = await r.start("prompt")
        await r.until_step(workflow_id, "word", "waiting")
        await r.workflows.signal(workflow_id, "word")
        assert (await r.until(workflow_id))["status"] == "completed"

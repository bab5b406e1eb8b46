"""Sequences, branches and joins; the context; failures, retries and resumption; cancellation."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from hub import Job, handler
from hub.errors import Conflict, NotFound, Permanent, Rejected
from hub.workflows.definition import Workflow
from tests.conformance.workflows.rig import RigMaker, states, steps


@handler("users.create")
async def create_user(context: dict[str, Any], job: Job) -> dict[str, Any]:
    return {"user_id": f"u-{context['email']}"}


@dataclass
class OrganizationOf:
    user_id: str
    organization: str


@handler("organizations.create")
async def create_organization(payload: OrganizationOf) -> dict[str, Any]:
    return {"organization_id": f"o-{payload.organization}-{payload.user_id}"}


@handler("subscriptions.process")
async def subscribe(job: Job) -> str:
    assert job.workflow is not None
    return f"{job.workflow.type}/{job.workflow.step}/{sorted(job.workflow.context)}"


SIGNUP = (
    Workflow("user_signup")
    .step("create_user", create_user)
    .step("create_organization", create_organization, after="create_user")
    .step("process_subscription", subscribe, after="create_organization", priority=3, timeout=60)
)


async def test_a_sequence_reads_and_extends_the_context(rig: RigMaker) -> None:
    async with rig(SIGNUP) as r:
        workflow_id = await r.start("user_signup", {"email": "a@b", "organization": "Acme", "n": 12345678901234567890})
        done = await r.until(workflow_id)
        assert done["status"] == "completed"
        assert done["context"] == {
            "email": "a@b",
            "organization": "Acme",
            "n": 12345678901234567890,
            "user_id": "u-a@b",
            "organization_id": "o-Acme-u-a@b",
            "process_subscription": "user_signup/process_subscription/"
            "['email', 'n', 'organization', 'organization_id', 'user_id']",
        }
        assert states(done) == dict.fromkeys(
            ("create_user", "create_organization", "process_subscription"), "completed"
        )
        second = steps(done)["create_organization"]
        assert second["step_id"] == f"{workflow_id}:create_organization"
        assert second["input_data"]["user_id"] == "u-a@b"
        assert second["output_data"] == {"organization_id": "o-Acme-u-a@b"}
        assert done["created_at"] <= done["started_at"]
        assert done["started_at"] <= second["started_at"] <= second["completed_at"] <= done["completed_at"]
        jobs = await r.sql("SELECT id, priority, timeout, statusid FROM queue_jobs ORDER BY seq")
        assert [row["id"] for row in jobs] == [step["step_id"] for step in done["steps"]]
        assert (jobs[2]["priority"], jobs[2]["timeout"], jobs[2]["statusid"]) == (3, 60, 3)


async def test_what_a_step_writes_commits_with_its_end_or_not_at_all(rig: RigMaker) -> None:
    attempts: list[int] = []

    @handler("book", retry=[0])
    async def book(job: Job) -> dict[str, int]:
        await job.db.execute(text("INSERT INTO bookings (attempt) VALUES (:n)"), {"n": job.attempt})
        await job.enqueue("noted", {"of": job.id})
        attempts.append(job.attempt)
        if not job.attempt:
            raise RuntimeError("once")
        return {"attempt": job.attempt}

    @handler("noted")
    async def noted() -> None: ...

    async with rig(Workflow("booking").step("book", book).step("after", noted, after="book"), handlers=[noted]) as r:
        await r.sql("CREATE TABLE bookings (attempt INTEGER)")
        done = await r.until(await r.start("booking"))
        assert (done["status"], done["context"], attempts) == ("completed", {"attempt": 1}, [0, 1])
        assert [row["attempt"] for row in await r.sql("SELECT attempt FROM bookings")] == [1]
        assert len(await r.sql("SELECT id FROM queue_jobs WHERE handler = 'noted' AND parentjobid IS NOT NULL")) == 1


@pytest.mark.parametrize("with_sql", [False, True])
async def test_a_hundred_branches_lose_no_update_and_the_join_comes_last(rig: RigMaker, with_sql: bool) -> None:
    joined: list[int] = []

    @handler("branch")
    async def branch(job: Job) -> dict[str, Any]:
        assert job.workflow is not None
        if with_sql:
            await job.db.execute(text("SELECT 1"))
        await asyncio.sleep(0)
        return {job.workflow.step: job.id}

    @handler("join")
    async def join(context: dict[str, str]) -> dict[str, int]:
        joined.append(len(context))
        return {"joined": len(context)}

    names = [f"branch-{number}" for number in range(100)]
    wide = Workflow("wide")
    for name in names:
        wide.step(name, branch)
    wide.step("join", join, after=names)
    async with rig(wide, workers=20) as r:
        workflow_id = await r.start("wide", {})
        done = await r.until(workflow_id)
        assert done["status"] == "completed"
        assert done["context"] == {name: f"{workflow_id}:{name}" for name in names} | {"joined": 100}
        assert joined == [100]
        assert [row["n"] for row in await r.sql("SELECT count(*) AS n FROM job_histories")] == [101]


async def test_a_step_that_fails_for_good_fails_the_workflow_and_resume_goes_on_from_it(rig: RigMaker) -> None:
    ran: list[str] = []
    broken = True

    @handler("fine")
    async def fine(job: Job) -> None:
        ran.append(job.id.rpartition(":")[2])

    @handler("fragile")
    async def fragile(job: Job) -> dict[str, bool]:
        ran.append(job.id.rpartition(":")[2])
        if broken:
            raise Permanent("the partner is closed")
        return {"mended": True}

    flow = (
        Workflow("fragile")
        .step("first", fine)
        .step("second", fragile, after="first")
        .step("beside", fine, after="first")
        .step("last", fine, after=["second", "beside"])
    )
    async with rig(flow) as r:
        workflow_id = await r.start("fragile")
        failed = await r.until(workflow_id, "failed", met=lambda s: states(s)["beside"] == "completed")
        assert states(failed) == {"first": "completed", "second": "failed", "beside": "completed", "last": "pending"}
        assert "the partner is closed" in steps(failed)["second"]["error_message"]
        assert failed["error_message"].startswith("second: Permanent: the partner is closed")
        assert failed["completed_at"] is not None
        broken = False
        assert await r.workflows.resume(workflow_id, actor="test") == ["second"]
        done = await r.until(workflow_id, "completed")
        assert sorted(ran) == ["beside", "first", "last", "second", "second"]
        assert (done["context"], done["error_message"]) == ({"mended": True}, None)
        with pytest.raises(Conflict, match="this one is completed"):
            await r.workflows.resume(workflow_id, actor="test")


async def test_a_dead_letter_that_is_redriven_goes_on_with_its_workflow(rig: RigMaker) -> None:
    broken = True

    @handler("fragile")
    async def fragile() -> None:
        if broken:
            raise Permanent("no")

    @handler("fine")
    async def fine() -> dict[str, bool]:
        return {"fine": True}

    async with rig(Workflow("short").step("one", fragile).step("two", fine, after="one")) as r:
        workflow_id = await r.start("short")
        await r.until(workflow_id, "failed")
        broken = False
        assert await r.hub.records.redrive([f"{workflow_id}:one"]) == 1
        done = await r.until(workflow_id, "completed")
        assert done["context"] == {"fine": True}


async def test_a_failed_step_is_tried_again_after_one_minute_then_two(rig: RigMaker) -> None:
    @handler("flaky", max_retries=2)
    async def flaky(job: Job) -> int:
        if job.attempt < 2:
            raise RuntimeError(f"attempt {job.attempt}")
        return job.attempt

    async with rig(Workflow("flaky").step("only", flaky)) as r:
        workflow_id = await r.start("flaky")
        for minutes in (1, 2):
            step = await r.until_step(workflow_id, "only", "retrying")
            late = (step["due_at"] - r.hub.clock.now()).total_seconds()
            assert minutes * 60 - 15 < late <= minutes * 60
            assert f"attempt {minutes - 1}" in step["error_message"]
            await r.hurry()
            await r.until_step(workflow_id, "only", "completed") if minutes == 2 else await _again(r, workflow_id, step)
        assert (await r.until(workflow_id))["context"] == {"only": 2}


async def _again(r: Any, workflow_id: str, step: dict[str, Any]) -> None:
    """Until the step waits for its next attempt."""
    await r.until(
        workflow_id, "running", met=lambda s: steps(s)["only"]["error_message"] not in (None, step["error_message"])
    )


async def test_a_cancelled_workflow_begins_nothing_more(rig: RigMaker) -> None:
    began, stopped = asyncio.Event(), asyncio.Event()

    @handler("long")
    async def long() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.set()
            raise

    @handler("later")
    async def later() -> None: ...

    flow = (
        Workflow("long").step("running", long).step("waiting", later, delay=3600).step("next", later, after="running")
    )
    async with rig(flow) as r:
        workflow_id = await r.start("long")
        async with asyncio.timeout(30):
            await began.wait()
            await r.workflows.cancel(workflow_id, actor="test")
            await stopped.wait()
        ended = await r.until(workflow_id, "cancelled")
        assert states(ended) == {"running": "cancelled", "waiting": "cancelled", "next": "pending"}
        with pytest.raises(Conflict):
            await r.workflows.cancel(workflow_id, actor="test")
        async with asyncio.timeout(30):
            while True:
                if not await r.sql("SELECT id FROM queue_jobs WHERE statusid <> 6"):
                    break
                await asyncio.sleep(0.01)


async def test_a_definition_that_changes_harms_no_execution_that_runs(rig: RigMaker) -> None:
    gate = asyncio.Event()

    @handler("gated")
    async def gated() -> dict[str, int]:
        await gate.wait()
        return {"gated": 1}

    @handler("old")
    async def old() -> dict[str, str]:
        return {"by": "old"}

    @handler("new")
    async def new() -> dict[str, str]:
        return {"by": "new"}

    before = Workflow("changing").step("one", gated).step("two", old, after="one")
    after = Workflow("changing").step("one", gated).step("zwei", new, after="one")
    async with rig(before, handlers=[new]) as r:
        first = await r.start("changing")
        r.workflows.catalog.replace([after.definition])
        second = await r.start("changing")
        gate.set()
        assert (await r.until(first))["context"] == {"gated": 1, "by": "old"}
        assert (await r.until(second))["context"] == {"gated": 1, "by": "new"}


async def test_two_instances_share_the_steps(rig: RigMaker, database_url: str) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite takes one process")
    ran: list[str] = []

    @handler("shared")
    async def shared(job: Job) -> dict[str, str]:
        assert job.workflow is not None
        ran.append(job.id)
        await job.db.execute(text("SELECT 1"))
        return {job.workflow.step: "done"}

    flow = Workflow("shared")
    for name in ("a", "b", "c", "d"):
        flow.step(name, shared)
    flow.step("join", shared, after=["a", "b", "c", "d"])
    async with rig(flow, workers=2) as one, rig(flow, workers=2):
        ids = [await one.start("shared") for _ in range(20)]
        for workflow_id in ids:
            done = await one.until(workflow_id, "completed")
            assert sorted(done["context"]) == ["a", "b", "c", "d", "join"]
    assert len(ran) == len(set(ran)) == 100


async def test_what_cannot_be_started_is_said(rig: RigMaker) -> None:
    async with rig(SIGNUP) as r:
        with pytest.raises(NotFound, match="user_signup"):
            await r.start("user_sign_up")
        for context in ([], "text", {"x": float("nan")}, {"x": "\0"}):
            with pytest.raises(Rejected):
                await r.start("user_signup", context)  # type: ignore[arg-type]  # on purpose
        with pytest.raises(NotFound):
            await r.workflows.summary("nobody")


async def test_a_result_that_no_database_can_hold_fails_its_step(rig: RigMaker) -> None:
    @handler("odd")
    async def odd(job: Job) -> dict[str, str]:
        return {"text": "a\0b"}

    async with rig(Workflow("odd").step("only", odd)) as r:
        failed = await r.until(await r.start("odd"), "failed")
        assert states(failed) == {"only": "failed"}

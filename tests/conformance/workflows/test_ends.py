"""Ends of steps behind their fences: what a stale worker says of a step changes nothing."""

import json
from typing import Any

import pytest

from hub import handler
from hub.model import Claim, Settlement, Status
from hub.workflows.definition import Workflow
from tests.conformance.workflows.rig import Rig, RigMaker, states


@handler("branch")
async def branch() -> None: ...


LINE = Workflow("line").step("a", branch).step("b", branch, after="a").step("c", branch, after="b")
PAIR = Workflow("pair").step("a", branch).step("b", branch).step("join", branch, after=["a", "b"])


async def claimed(r: Rig) -> list[Claim]:
    return (await r.hub.engine.store.claim("", 10)).claims


def end(r: Rig, claim: Claim, result: str = '{"done": 1}') -> tuple[Claim, Settlement]:
    return claim, Settlement(claim.id, claim.fence, result, r.hub.clock.new_id(), 5, claim.attempt)


async def stolen(r: Rig, job_id: str) -> None:
    await r.sql("UPDATE queue_jobs SET fence = fence + 1 WHERE id = :id", id=job_id)


async def summary(r: Rig, workflow_id: str) -> dict[str, Any]:
    return await r.workflows.summary(workflow_id)


async def test_of_many_ends_only_those_whose_fence_holds_are_written(rig: RigMaker) -> None:
    for lost in (0, 1, 2):
        async with rig(PAIR, roles=["api"]) as r:
            ids = [await r.start("pair") for _ in range(3)]
            claims = [claim for claim in await claimed(r) if claim.id.endswith(":a")]
            assert len(claims) == 3
            await stolen(r, claims[lost].id)
            ends = [end(r, claim) for claim in claims]
            assert await r.workflows.progress.complete(ends) == {c.id for n, c in enumerate(claims) if n != lost}
            for workflow_id in ids:
                found = await summary(r, workflow_id)
                kept = workflow_id not in claims[lost].id
                assert (states(found)["a"] == "completed", found["context"] == {"done": 1}) == (kept, kept)
            await r.sql("DELETE FROM queue_jobs")


async def test_an_end_that_is_written_again_writes_nothing(rig: RigMaker) -> None:
    async with rig(PAIR, roles=["api"]) as r:
        workflow_id = await r.start("pair")
        ends = [end(r, claim) for claim in await claimed(r)]
        assert len(await r.workflows.progress.complete(ends)) == 2
        before = await summary(r, workflow_id)
        assert states(before) == {"a": "completed", "b": "completed", "join": "queued"}
        assert await r.workflows.progress.complete(ends) == set()
        assert await summary(r, workflow_id) == before
        assert [row["n"] for row in await r.sql("SELECT count(*) AS n FROM job_histories")] == [2]


async def test_an_end_of_a_workflow_that_was_deleted_ends_its_job(rig: RigMaker) -> None:
    async with rig(PAIR, roles=["api"]) as r:
        workflow_id = await r.start("pair")
        claims = await claimed(r)
        await r.sql("DELETE FROM workflow_executions WHERE workflow_id = :id", id=workflow_id)
        done = await r.workflows.progress.complete([end(r, claim) for claim in claims])
        assert done == {claim.id for claim in claims}
        assert await r.sql("SELECT step_id FROM workflow_steps") == []


async def test_a_branch_that_ends_after_another_has_failed_leaves_the_error_in_view(rig: RigMaker) -> None:
    async with rig(PAIR, roles=["api"]) as r:
        workflow_id = await r.start("pair")
        claims = {claim.id.rpartition(":")[2]: claim for claim in await claimed(r)}
        assert await r.workflows.change.fail(workflow_id, {"a": (Status.FAILED, "no such customer")})
        failed = await summary(r, workflow_id)
        assert await r.workflows.progress.complete([end(r, claims["b"])]) == {claims["b"].id}
        found = await summary(r, workflow_id)
        assert (states(found)["b"], states(found)["join"]) == ("completed", "pending")
        assert (found["status"], found["error_message"]) == ("failed", "a: no such customer")
        assert found["completed_at"] == failed["completed_at"]


async def test_the_first_error_stays_whatever_happens_to_a_failed_workflow(rig: RigMaker) -> None:
    waits = Workflow("waits").step("a", branch).step("b", branch).step("approval", wait_for="approved")
    async with rig(waits, roles=["api"]) as r:
        workflow_id = await r.start("waits")
        assert await r.workflows.change.fail(workflow_id, {"a": (Status.FAILED, "no such customer")})
        assert await r.workflows.change.fail(workflow_id, {"b": (Status.FAILED, "no such order")})
        assert (await summary(r, workflow_id))["error_message"] == "a: no such customer"
        await r.workflows.signal(workflow_id, "approved")
        assert (await summary(r, workflow_id))["error_message"] == "a: no such customer"
        await r.workflows.cancel(workflow_id, actor="ada")
        found = await summary(r, workflow_id)
        assert (found["status"], found["error_message"]) == ("cancelled", "a: no such customer")
        await r.workflows.resume(workflow_id, actor="ada")
        assert (await summary(r, workflow_id))["error_message"] is None


# --- what others make of an execution between two of its steps -------------------------------------------------------


async def halfway(r: Rig) -> tuple[str, tuple[Claim, Settlement]]:
    """An execution whose first step has ended here, and the end of its second, which is not told yet."""
    workflow_id = await r.start("line")
    (first,) = await claimed(r)
    assert await r.workflows.progress.complete([end(r, first)]) == {first.id}
    (second,) = await claimed(r)
    return workflow_id, end(r, second, '{"b": 2}')


async def test_a_step_goes_on_from_the_one_before(rig: RigMaker) -> None:
    async with rig(LINE, roles=["api"]) as r:
        workflow_id, ended = await halfway(r)
        assert await r.workflows.progress.complete([ended]) == {ended[0].id}
        (third,) = await claimed(r)
        assert third.payload is not None
        assert json.loads(third.payload) == {"done": 1, "b": 2}
        assert await r.workflows.progress.complete([end(r, third, '"c"')]) == {third.id}
        found = await summary(r, workflow_id)
        assert (found["status"], found["context"]) == ("completed", {"done": 1, "b": 2, "c": "c"})


async def test_what_somebody_writes_by_sql_between_two_steps_counts(rig: RigMaker) -> None:
    async with rig(LINE, roles=["api"]) as r:
        workflow_id, ended = await halfway(r)
        other, untouched = await halfway(r)
        await r.sql("UPDATE workflow_executions SET context = '{\"mine\": 3}' WHERE workflow_id = :id", id=workflow_id)
        assert await r.workflows.progress.complete([ended, untouched]) == {ended[0].id, untouched[0].id}
        assert (await summary(r, workflow_id))["context"] == {"mine": 3, "b": 2}
        assert (await summary(r, other))["context"] == {"done": 1, "b": 2}


async def test_a_cancellation_between_two_steps_holds(rig: RigMaker) -> None:
    async with rig(LINE, roles=["api"]) as r:
        for by_sql in (True, False):
            workflow_id, ended = await halfway(r)
            if by_sql:
                await r.sql(
                    "UPDATE workflow_executions SET status = 'cancelled' WHERE workflow_id = :id", id=workflow_id
                )
            else:
                await r.workflows.change.cancel(workflow_id)
            await r.workflows.progress.complete([ended])
            found = await summary(r, workflow_id)
            assert (found["status"], states(found)["c"]) == ("cancelled", "pending")
            assert await claimed(r) == []


async def test_a_deletion_between_two_steps_ends_the_job(rig: RigMaker) -> None:
    async with rig(LINE, roles=["api"]) as r:
        workflow_id, ended = await halfway(r)
        await r.sql("DELETE FROM workflow_executions WHERE workflow_id = :id", id=workflow_id)
        assert await r.workflows.progress.complete([ended]) == {ended[0].id}
        assert await r.sql("SELECT step_id FROM workflow_steps") == []
        assert await claimed(r) == []


async def test_an_end_whose_lease_was_lost_leaves_the_execution_as_it_was(rig: RigMaker) -> None:
    async with rig(LINE, roles=["api"]) as r:
        workflow_id, (claim, lost) = await halfway(r)
        await stolen(r, claim.id)
        assert await r.workflows.progress.complete([(claim, lost)]) == set()
        found = await summary(r, workflow_id)
        assert (found["context"], states(found)["c"]) == ({"done": 1}, "pending")
        await r.sql("UPDATE queue_jobs SET fence = fence - 1 WHERE id = :id", id=claim.id)
        assert await r.workflows.progress.complete([end(r, claim, '{"again": 1}')]) == {claim.id}
        assert (await summary(r, workflow_id))["context"] == {"done": 1, "again": 1}


async def test_instances_that_take_turns_see_each_other(rig: RigMaker, database_url: str) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite takes one process")
    apart = {"http": {"port": 0}}
    async with (
        rig(LINE, roles=["api"], configuration=apart) as one,
        rig(LINE, roles=["api"], configuration=apart) as other,
    ):
        workflow_id = await one.start("line")
        for number, r in enumerate((one, other, one)):
            (claim,) = await claimed(r)
            assert await r.workflows.progress.complete([end(r, claim, f'{{"{number}": 1}}')]) == {claim.id}
        found = await summary(one, workflow_id)
        assert (found["status"], found["context"]) == ("completed", {"0": 1, "1": 1, "2": 1})

"""One job run to its end, as an application's test would."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub import Job, handler
from hub.errors import Cancel, Permanent, Retry, Snooze, UnknownHandler
from hub.testing import run_job


@handler("test.echo")
async def echo(payload: Any, job: Job) -> Any:
    return payload


@handler("test.flaky", max_retries=5)
async def flaky(payload: dict[str, int], job: Job) -> str:
    if job.attempt < payload["failures"]:
        raise RuntimeError(f"attempt {job.attempt} went wrong")
    return f"attempt {job.attempt} went well"


@handler("test.ends")
async def ends(payload: str) -> None:
    raise {"permanent": Permanent("never"), "cancel": Cancel("not wanted"), "retry": Retry("later", delay=3600)}[
        payload
    ]


@handler("test.leaves")
async def leaves(payload: dict[str, Any], job: Job) -> None:
    await job.publish("erp", "orders.accepted", {"id": payload["id"]}, key="7")
    await job.enqueue("test.echo", {"again": True}, queue="later")
    if payload.get("fails"):
        raise Permanent("after all")


async def test_a_result_comes_back_as_json() -> None:
    outcome = await run_job(echo, {"a": [1, None, "x"]})
    assert (outcome.status, outcome.result, outcome.error) == ("completed", {"a": [1, None, "x"]}, None)
    assert [(attempt.status, attempt.number) for attempt in outcome.attempts] == [("completed", 0)]


async def test_a_handler_may_be_named() -> None:
    assert (await run_job("test.echo", 1, handlers=[echo])).result == 1
    assert (await run_job("system.record", {"kept": True})).result == {"kept": True}
    assert (await run_job("order.processing", {"id": 7}, handlers=["examples.orders"])).result == {"receipt": "R-7"}


async def test_a_name_that_nobody_knows_is_an_error_at_once() -> None:
    with pytest.raises(UnknownHandler, match=r"no handler 'test\.nobody'"):
        await run_job("test.nobody", handlers=[echo])
    with pytest.raises(ValueError, match="mark it"):
        await run_job(len)


async def test_retries_come_at_once_and_all_of_them() -> None:
    outcome = await run_job(flaky, {"failures": 3})
    assert (outcome.status, outcome.result) == ("completed", "attempt 3 went well")
    assert [attempt.number for attempt in outcome.attempts] == [0, 1, 2, 3]
    assert [attempt.status for attempt in outcome.attempts] == ["failed", "failed", "failed", "completed"]
    assert "attempt 0 went wrong" in (outcome.attempts[0].error or "")


async def test_a_job_that_never_goes_well_becomes_a_dead_letter() -> None:
    outcome = await run_job(flaky, {"failures": 99}, max_retries=1)
    assert outcome.status == "failed"
    assert outcome.error == "RuntimeError: attempt 1 went wrong"
    assert len(outcome.attempts) == 2


@pytest.mark.parametrize(
    ("payload", "status", "attempts"), [("permanent", "failed", 1), ("cancel", "cancelled", 1), ("retry", "failed", 4)]
)
async def test_a_handler_chooses_the_end(payload: str, status: str, attempts: int) -> None:
    outcome = await run_job(ends, payload)
    assert (outcome.status, len(outcome.attempts)) == (status, attempts)


async def test_a_snooze_is_not_waited_for() -> None:
    naps = []

    @handler("test.naps")
    async def nap(job: Job) -> int:
        naps.append(job.attempt)
        if len(naps) < 3:
            raise Snooze(3600)
        return len(naps)

    outcome = await run_job(nap)
    assert (outcome.status, outcome.result, len(outcome.attempts)) == ("completed", 3, 1)


async def test_a_time_to_try_again_is_said_in_many_ways() -> None:
    ways: list[Any] = [
        lambda: Retry(at=datetime(2099, 1, 1)),  # noqa: DTZ001 - as people write it: UTC
        lambda: Retry(at=datetime.max.replace(tzinfo=UTC)),
        lambda: Retry(delay=math.inf),
        lambda: Retry(delay="soon"),  # is refused where it is written
        lambda: Snooze(math.inf),
        lambda: Snooze(timedelta(hours=1)),
    ]

    @handler("test.later", max_retries=9)
    async def later() -> str:
        if ways:
            raise ways.pop(0)()
        return "now"

    outcome = await run_job(later)
    assert (outcome.status, outcome.result) == ("completed", "now")
    errors = [(attempt.error or "").splitlines()[0] for attempt in outcome.attempts if attempt.status == "failed"]
    assert errors == ["Retry: asked to be retried"] * 3 + ["ValueError: could not convert string to float: 'soon'"]


async def test_what_a_job_leaves_behind_is_seen_and_not_run() -> None:
    outcome = await run_job(leaves, {"id": 7})
    assert [(m.to, m.topic, m.payload, m.key) for m in outcome.outbound] == [("erp", "orders.accepted", {"id": 7}, "7")]
    assert [(m.handler, m.payload, m.queue) for m in outcome.enqueued] == [("test.echo", {"again": True}, "later")]


async def test_a_job_that_fails_leaves_nothing_behind() -> None:
    outcome = await run_job(leaves, {"id": 7, "fails": True})
    assert outcome.status == "failed"
    assert (list(outcome.outbound), list(outcome.enqueued)) == ([], [])


async def test_a_job_that_does_not_end_is_told_with_its_state() -> None:
    @handler("test.sleeps")
    async def sleep() -> None:
        raise Snooze(0.01)

    with pytest.raises(TimeoutError, match=r"job .* \(test.sleeps\) is still (queued|processing)"):
        await run_job(sleep, within=0.3)


async def test_it_runs_on_a_database_of_the_callers(sqlite_url: str) -> None:
    @handler("test.writes")
    async def write(job: Job) -> int:
        await job.db.execute(text("CREATE TABLE IF NOT EXISTS seen (id text)"))
        await job.db.execute(text("INSERT INTO seen VALUES (:id)"), {"id": job.id})
        return (await job.db.execute(text("SELECT count(*) FROM seen"))).scalar_one()

    assert (await run_job(write, database=sqlite_url)).result == 1
    assert (await run_job(write, database=sqlite_url)).result == 2

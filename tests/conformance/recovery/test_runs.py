"""Runs of several tasks: kept as they go, one task's failure its own, resumed where they stood, given up in the end."""

import asyncio
import json
import logging
from typing import Any

import pytest
from sqlalchemy import text

from hub import Job, handler
from hub.clock import SystemClock
from hub.errors import Permanent
from hub.ports import Bulk, Call, Row
from hub.scheduler.runs import Runs
from hub.scheduler.task_jobs import About
from tests.conformance.recovery.rig import Rig, RigMaker, has_ended, states, until


class Steps:
    """Handlers that say what they were called with, and can be held."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.held = asyncio.Event()

        @handler("work")
        async def work(payload: Any) -> dict[str, Any]:
            self.calls.append(payload)
            return {"did": payload}

        @handler("write")
        async def write(payload: Any, job: Job) -> None:
            self.calls.append(payload)
            await job.db.execute(text("INSERT INTO effects (id) VALUES (:id)"), {"id": str(payload)})

        @handler("fail")
        async def fail(payload: Any) -> None:
            self.calls.append(payload)
            raise Permanent(f"{payload} cannot be")

        @handler("hold")
        async def hold(payload: Any) -> None:
            self.calls.append(payload)
            self.held.set()
            await self.gate.wait()

        self.handlers = [work, write, fail, hold]


def task(name: str, handler: str = "work", payload: Any = None) -> dict[str, Any]:
    return {"name": name, "handler": handler, "payload": name if payload is None else payload}


async def test_each_task_is_kept_with_its_result_and_times_in_order(rig: RigMaker) -> None:
    steps = Steps()
    async with rig(handlers=steps.handlers) as r:
        await effects(r)
        await r.schedule("five", [task("a"), task("b", "write"), task("c"), task("d", "write"), task("e")])
        await r.fire("five")
        progress = await r.ended("five")
        assert states(progress) == ["completed"] * 5
        assert steps.calls == ["a", "b", "c", "d", "e"]
        assert [each["result"] for each in progress["tasks"]] == [{"did": "a"}, None, {"did": "c"}, None, {"did": "e"}]
        assert all(each["started_at"] and each["completed_at"] for each in progress["tasks"])
        assert (progress["status"], progress["total_tasks"], progress["completed_tasks"]) == ("completed", 5, 5)
        row = await r.row("five")
        assert row["interval_started_at"] is not None
        assert row["lasterror"] is None
        assert await written(r) == ["b", "d"]
        await r.sql("DELETE FROM effects")
        await r.fire("five")
        await r.until("five", lambda found: has_ended(found) and found["interval_progress"] != progress)
        assert steps.calls == ["a", "b", "c", "d", "e"] * 2


async def test_the_progress_is_read_while_it_runs(rig: RigMaker) -> None:
    steps = Steps()
    steps.gate.clear()
    async with rig(handlers=steps.handlers) as r:
        await r.schedule("three", [task("a"), task("b", "hold"), task("c")])
        await r.fire("three")
        async with asyncio.timeout(30):
            await steps.held.wait()
        row = await r.row("three")
        assert row["current_interval_id"] == row["interval_progress"]["interval_id"]
        assert states(row["interval_progress"]) == ["completed", "running", "pending"]
        assert row["interval_progress"]["tasks"][0]["result"] == {"did": "a"}
        documented = "SELECT id, name, current_interval_id FROM jobs WHERE current_interval_id IS NOT NULL"
        assert [found["name"] for found in await r.sql(documented)] == ["three"]
        steps.gate.set()
        assert states(await r.ended("three")) == ["completed"] * 3


async def test_one_task_that_fails_stops_no_other(rig: RigMaker) -> None:
    steps = Steps()
    async with rig(handlers=steps.handlers) as r:
        await r.schedule("three", [task("a", "fail"), task("b"), task("c", "fail")])
        await r.fire("three")
        progress = await r.ended("three")
        assert states(progress) == ["failed", "completed", "failed"]
        assert progress["status"] == "completed"
        assert (progress["completed_tasks"], progress["failed_tasks"]) == (1, 2)
        assert progress["tasks"][0]["error"] == "Permanent: a cannot be"
        assert (await r.row("three"))["lasterror"] == "2 of 3 tasks failed: a: Permanent: a cannot be"
        payload = json.dumps({"tasks": [task("a"), task("b")]})
        await r.sql("UPDATE jobs SET payload = :payload WHERE id = 'three'", payload=payload)
        first = progress["interval_id"]
        await r.fire("three")
        row = await r.until("three", lambda row: has_ended(row) and row["interval_progress"]["interval_id"] != first)
        assert row["lasterror"] is None  # what the run before it has left is said no more


async def test_a_fire_joins_a_run_that_goes_on_and_waits_where_it_is_to_queue(rig: RigMaker) -> None:
    steps = Steps()
    steps.gate.clear()
    async with rig(handlers=steps.handlers) as r:
        await r.schedule("joins", [task("a", "hold")])
        await r.fire("joins")
        await steps.held.wait()
        interval = (await r.row("joins"))["current_interval_id"]
        second = await r.settled(await r.fire("joins"))
        assert json.loads(second["result"]) == {"interval_id": interval, "joined": True}
        assert steps.calls == ["a"]
        await r.sql("UPDATE jobs SET overlap = 'queue' WHERE id = 'joins'")
        third = await r.fire("joins")
        await r.until("joins", lambda _: True)
        steps.gate.set()
        assert "joined" not in (await r.settled(third))["result"]
        await r.until("joins", lambda row: has_ended(row) and row["interval_progress"]["interval_id"] != interval)
        assert steps.calls == ["a", "a"]


@pytest.mark.parametrize("switch", ["everywhere", "for the job"])
async def test_without_recovery_the_tasks_run_plainly(rig: RigMaker, switch: str) -> None:
    steps = Steps()
    async with rig(handlers=steps.handlers, recovery={"enabled": switch != "everywhere"}) as r:
        await r.schedule("plain", [task("a"), task("b", "fail"), task("c")], enable_recovery=switch == "everywhere")
        fired = await r.settled(await r.fire("plain"))
        assert json.loads(fired["result"]) == {"tasks": 3}
        await nothing_waits(r)
        assert steps.calls == ["a", "b", "c"]
        row = await r.row("plain")
        assert (row["current_interval_id"], row["interval_progress"]) == (None, None)


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize(("of_schedule", "tried"), [(None, 0), (1, 1)])
async def test_tasks_keep_their_handlers_own_retries_where_the_schedule_names_none(
    rig: RigMaker, of_schedule: int | None, tried: int, enabled: bool
) -> None:
    @handler("once", max_retries=0)
    async def once() -> None:
        raise Permanent("no")

    async with rig(handlers=[once], recovery={"enabled": enabled}) as r:
        await r.schedule("job", [task("a", "once")], maxretries=of_schedule)
        await r.settled(await r.fire("job"))
        await nothing_waits(r)
        (row,) = await r.sql("SELECT maxretries FROM queue_jobs WHERE handler = 'once'")
        assert row["maxretries"] == tried


async def test_where_recovery_fails_the_tasks_run_plainly(rig: RigMaker, caplog: pytest.LogCaptureFixture) -> None:
    steps = Steps()
    async with rig(handlers=steps.handlers) as r:
        await r.schedule("broken", [task("a"), task("b")])
        await r.sql("ALTER TABLE jobs RENAME COLUMN interval_started_at TO gone")
        await r.sql("ALTER TABLE jobs RENAME COLUMN interval_progress TO gone_too")
        await r.fire("broken")
        await nothing_waits(r)
        assert steps.calls == ["a", "b"]
        assert "Recovery failed for job broken, running its tasks without it" in caplog.text


async def test_a_start_finds_what_was_left_and_says_so(rig: RigMaker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    steps = Steps()
    steps.gate.clear()
    async with rig(handlers=steps.handlers, jobs={"shutdown_timeout": "0s", "lease": "3s"}) as r:
        await r.schedule("left", [task("a"), task("b", "hold"), task("c")])
        await r.fire("left")
        await steps.held.wait()
        interval = (await r.row("left"))["current_interval_id"]
    steps.gate.set()
    caplog.clear()
    async with rig(handlers=steps.handlers, jobs={"lease": "3s"}) as r:
        assert states(await r.ended("left")) == ["completed"] * 3
        await logged(caplog, f"All tasks completed for interval {interval}")
        assert steps.calls == ["a", "b", "b", "c"]
        assert r.hub.recovery.state()["incomplete"] == 1
        health = (await r.hub.health())["recovery"]
        assert (health["enabled"], health["failing"]) == (True, None)
    for line in (
        "Starting recovery check on startup...",
        "Found 1 jobs with incomplete intervals",
        f"Scheduled recovery for job left, interval {interval}",
    ):
        assert line in caplog.text


async def test_tasks_whose_jobs_are_gone_are_run_by_the_next_check(rig: RigMaker) -> None:
    steps = Steps()
    steps.gate.clear()
    async with rig(handlers=steps.handlers, recovery={"check_interval": "100ms"}) as r:
        await effects(r)
        tasks = [task("a"), task("b", "hold"), task("c", "write", payload="third"), task("d", "write")]
        await r.schedule("lost", tasks)
        await r.fire("lost")
        await steps.held.wait()
        third = (await r.row("lost"))["interval_progress"]["tasks"][2]["task_id"]
        await r.sql("DELETE FROM queue_jobs WHERE id = :id", id=third)
        progress = (await r.until("lost", lambda row: row["interval_progress"]["attempts"] == 1))["interval_progress"]
        assert states(progress) == ["completed", "running", "pending", "pending"]
        steps.gate.set()
        assert states(await r.ended("lost")) == ["completed"] * 4
        assert await written(r) == ["d", "third"]


async def test_a_run_that_is_given_up_is_not_said_to_be_recovered(
    rig: RigMaker, caplog: pytest.LogCaptureFixture
) -> None:
    steps = Steps()
    caplog.set_level("INFO", "hub.recovery")
    async with rig(handlers=steps.handlers, recovery={"max_attempts": 0}) as r:
        await r.schedule("hopeless", [task("a", "hold"), task("b")])
        steps.gate.clear()
        await r.fire("hopeless")
        await steps.held.wait()
        first = (await r.row("hopeless"))["interval_progress"]["tasks"][0]["task_id"]
        await r.sql("UPDATE queue_jobs SET crashcount = 1 WHERE id = :id", id=first)
        await r.hub.recovery.check(startup=True)
        assert (await r.row("hopeless"))["interval_progress"]["status"] == "failed"
        assert "Found 1 jobs with incomplete intervals" in caplog.text
        assert "Scheduled recovery" not in caplog.text
        health = (await r.hub.health())["recovery"]
        assert (health["recovered"], health["failed"]) == (0, 1)
        steps.gate.set()


async def test_a_run_ends_though_no_attempt_has_told_of_the_end_of_a_task(rig: RigMaker) -> None:
    """It went on until the next check, minutes after its last task."""
    steps = Steps()
    steps.gate.clear()
    async with rig(handlers=steps.handlers) as r:
        await r.schedule("three", [task("a", "hold"), task("b"), task("c")])
        await r.fire("three")
        await steps.held.wait()
        second = (await r.row("three"))["interval_progress"]["tasks"][1]["task_id"]
        await r.sql("UPDATE queue_jobs SET statusid = 6, lasterror = 'not today' WHERE id = :id", id=second)
        steps.gate.set()
        progress = await r.ended("three")
        assert states(progress) == ["completed", "cancelled", "completed"]
        assert progress["tasks"][1]["error"] == "not today"


async def test_that_a_run_is_given_up_is_said_though_its_cancels_come_before_its_commit_is_answered(
    rig: RigMaker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Steps()
    async with rig(handlers=steps.handlers, recovery={"max_attempts": 0}) as r:
        await r.schedule("told", [task("a", "hold"), task("b")])
        steps.gate.clear()
        await r.fire("told")
        await steps.held.wait()
        row = await r.row("told")
        runs = Runs(r.hub.database, SystemClock(), lambda _: None, 0)
        committed, heard = asyncio.Event(), asyncio.Event()
        original = r.hub.database.run_behind

        async def slowly_answered(guard: Call, *work: Call | Bulk) -> list[Row] | None:
            answer = await original(guard, *work)
            committed.set()
            await heard.wait()
            return answer

        monkeypatch.setattr(r.hub.database, "run_behind", slowly_answered)
        about = About("told", row["current_interval_id"], "a")
        begins = asyncio.create_task(runs.begin(about, row["interval_progress"]["tasks"][0]["task_id"], 1))
        await committed.wait()
        begins.cancel()  # as the notification of its own commit does
        asyncio.get_running_loop().call_soon(heard.set)
        await asyncio.wait([begins])
        assert begins.cancelled()
        assert "Recovery failed for job told: interval " in caplog.text
        steps.gate.set()


async def test_recoveries_are_limited_and_the_next_fire_starts_afresh(rig: RigMaker) -> None:
    steps = Steps()
    async with rig(handlers=steps.handlers, recovery={"max_attempts": 1}) as r:
        await r.schedule("limited", [task("a", "hold"), task("b")])
        steps.gate.clear()
        await r.fire("limited")
        await steps.held.wait()
        row = await r.row("limited")
        interval = row["current_interval_id"]
        first = row["interval_progress"]["tasks"][0]["task_id"]
        runs = Runs(r.hub.database, SystemClock(), lambda _: None, 1)
        about = About("limited", interval, "a")
        await runs.begin(about, first, 1)
        await runs.begin(about, first, 1)  # the same crash counts once
        assert (await r.row("limited"))["interval_progress"]["attempts"] == 1
        with pytest.raises(Exception, match="was given up after 1 recovery attempts"):
            await runs.begin(about, first, 2)
        assert (runs.recovered, runs.failed) == (1, 1)
        row = await r.row("limited")
        assert row["interval_progress"]["status"] == "failed"
        assert row["current_interval_id"] is None
        assert "was given up after 1 recovery attempts" in row["lasterror"]
        steps.gate.set()
        await nothing_waits(r)
        assert "b" not in steps.calls
        await r.fire("limited")
        progress = (await r.until("limited", lambda row: has_ended(row) and row["interval_progress"]["attempts"] == 0))[
            "interval_progress"
        ]
        assert states(progress) == ["completed"] * 2


async def test_tasks_claimed_ahead_that_lose_the_same_worker_are_one_recovery(rig: RigMaker) -> None:
    steps = Steps()
    steps.gate.clear()
    async with rig(handlers=steps.handlers) as r:
        await r.schedule("ahead", [task("a", "hold"), task("b"), task("c")])
        await r.fire("ahead")
        await steps.held.wait()
        row = await r.row("ahead")
        first, *_ = [each["task_id"] for each in row["interval_progress"]["tasks"]]
        # As when one process held them all: whether the next attempt or the next look comes first makes no difference.
        await r.sql("UPDATE queue_jobs SET crashcount = crashcount + 1 WHERE id LIKE :ids", ids=f"{first[:-1]}%")
        runs = Runs(r.hub.database, SystemClock(), lambda _: None, 3)
        await runs.begin(About("ahead", row["current_interval_id"], "a"), first, 1)
        look = await runs.look("ahead")
        assert not look.finding.interrupted
        assert (await r.row("ahead"))["interval_progress"]["attempts"] == 1
        steps.gate.set()
        assert states(await r.ended("ahead")) == ["completed"] * 3


async def test_several_looks_at_once_resume_a_run_once(rig: RigMaker) -> None:
    steps = Steps()
    steps.gate.clear()
    async with rig(handlers=steps.handlers) as r:
        await effects(r)
        await r.schedule("once", [task("a", "hold"), task("b", "write"), task("c", "write")])
        await r.fire("once")
        await steps.held.wait()
        ids = [each["task_id"] for each in (await r.row("once"))["interval_progress"]["tasks"]]
        await r.sql("DELETE FROM queue_jobs WHERE id IN (:b, :c)", b=ids[1], c=ids[2])
        several = [Runs(r.hub.database, SystemClock(), r.hub.engine.woken, 3) for _ in range(6)]
        looks = await asyncio.gather(*(each.look("once") for each in several))
        assert sorted(look.resumed for look in looks) == [0, 0, 0, 0, 0, 2]
        steps.gate.set()
        progress = await r.ended("once")
        assert (states(progress), progress["attempts"]) == (["completed"] * 3, 1)
        assert await written(r) == ["b", "c"]


async def test_a_one_off_is_a_run_like_any_other(rig: RigMaker) -> None:
    steps = Steps()
    async with rig(handlers=steps.handlers, roles=("worker", "scheduler")) as r:
        await r.sql(
            "INSERT INTO jobs (id, name, handler, startat, maxexecutions, payload) "
            "VALUES ('one', 'one', 'system.tasks', '2024-01-01 12:00:00', 1, :payload)",
            payload=json.dumps({"tasks": [task("a"), task("b")]}),
        )
        r.hub.schedules_changed()
        assert states(await r.ended("one")) == ["completed"] * 2
        assert (await r.row("one"))["status"] == "completed"


@pytest.mark.parametrize(
    "payload", ['{"tasks": []}', '{"tasks": [{"name": "a"}]}', '{"other": 1}', "no json", '{"tasks": "a"}']
)
async def test_a_payload_that_names_no_tasks_is_a_dead_letter(rig: RigMaker, payload: str) -> None:
    async with rig() as r:
        await r.schedule("bad", [], payload=payload)
        assert (await r.settled(await r.fire("bad")))["statusid"] == 4
        assert (await r.row("bad"))["current_interval_id"] is None


async def effects(r: Rig) -> None:
    await r.sql("CREATE TABLE effects (id varchar(50) PRIMARY KEY)")


async def written(r: Rig) -> list[str]:
    """What handlers have done that was committed; twice would be a key error."""
    return [row["id"] for row in await r.sql("SELECT id FROM effects ORDER BY id")]


async def nothing_waits(r: Rig) -> None:
    async def none() -> bool:
        return not await r.sql("SELECT id FROM queue_jobs WHERE statusid NOT IN (3, 4, 6)")

    await until(none, "every job has ended")


async def logged(caplog: pytest.LogCaptureFixture, line: str) -> None:
    async def said() -> bool:
        return line in caplog.text

    await until(said, line)

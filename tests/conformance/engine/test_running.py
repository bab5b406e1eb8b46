"""How jobs run: order, limits, cancellation, shutdown, keys, steps, outbound rows."""

import asyncio
import time

import pytest
from sqlalchemy import text

from hub import Job, handler
from hub.model import NewJob
from tests.conformance.engine.rig import RigMaker

EFFECTS = "CREATE TABLE effects (msg TEXT)"
EFFECT = text("INSERT INTO effects (msg) VALUES (:msg)")


async def test_jobs_run_by_priority_then_arrival(rig: RigMaker) -> None:
    seen: list[str] = []
    gate = asyncio.Event()

    @handler("first")
    async def first() -> None:
        await gate.wait()

    @handler("note")
    async def note(payload: str) -> None:
        seen.append(payload)

    async with rig(first, note, workers=1) as r:
        await r.until(await r.enqueue("first"), 2)
        for name, priority in [("c", 0), ("a", 9), ("d", 0), ("b", 5), ("e", -1)]:
            await r.enqueue("note", name, priority=priority)
        gate.set()
        await r.ran(6)
        assert seen == ["a", "b", "c", "d", "e"]


async def test_a_queue_runs_no_more_than_its_limit_and_others_go_on(rig: RigMaker) -> None:
    running = {"narrow": 0, "wide": 0}
    most = {"narrow": 0, "wide": 0}
    gate = asyncio.Event()

    @handler("work")
    async def work(job: Job) -> None:
        running[job.queue] += 1
        most[job.queue] = max(most[job.queue], running[job.queue])
        if sum(running.values()) == 5:
            gate.set()
        await gate.wait()
        running[job.queue] -= 1

    async with rig(work, workers=5, queues={"narrow": 2, "wide": 5}) as r:
        for queue in ["narrow"] * 8 + ["wide"] * 8:
            await r.enqueue("work", queue=queue)
        await r.ran(16)
        assert most["narrow"] == 2
        assert 3 <= most["wide"] <= 5


async def test_a_job_without_a_queue_runs_in_its_handlers(rig: RigMaker) -> None:
    @handler("urgent", queue="critical")
    async def urgent(job: Job) -> str:
        return job.queue

    async with rig(urgent, queues={"default": 2, "critical": 2}) as r:
        row = await r.until(await r.enqueue("urgent"))
        assert (row["queue"], row["result"]) == ("critical", '"critical"')


async def test_a_queue_that_nobody_configured_is_served(rig: RigMaker) -> None:
    @handler("work")
    async def work() -> None: ...

    async with rig(work, poll_interval=0.05) as r:
        await r.sql("INSERT INTO queue_jobs (id, handler, queue) VALUES ('x', 'work', 'typo')")
        assert (await r.until("x"))["statusid"] == 3


async def test_a_row_inserted_by_plain_sql_runs_within_the_poll_interval(rig: RigMaker) -> None:
    @handler("order.processing")
    async def place(payload: dict[str, int]) -> int:
        return payload["id"]

    async with rig(place, poll_interval=0.2) as r:
        await r.sql("""INSERT INTO queue_jobs (handler, payload) VALUES ('order.processing', '{"id": 7}')""")
        [row] = await r.sql("SELECT id FROM queue_jobs")
        done = await r.until(row["id"])
        assert (done["statusid"], done["result"], done["typeid"], done["direction"]) == (3, "7", 2, "internal")


async def test_a_delayed_job_waits_for_its_time(rig: RigMaker) -> None:
    @handler("later")
    async def later() -> None: ...

    async with rig(later) as r:
        job = await r.enqueue("later", delay=1.5)
        assert (await r.job(job))["statusid"] == 7
        row = await r.until(job)
        assert row["statusid"] == 3
        [early] = await r.sql("SELECT count(*) AS n FROM queue_jobs WHERE startedat < scheduledat")
        assert early["n"] == 0


async def test_jobs_of_a_key_run_one_after_another_in_their_order(rig: RigMaker) -> None:
    seen: dict[str, list[int]] = {}
    running: set[str] = set()

    @handler("keyed")
    async def keyed(payload: int, job: Job) -> None:
        assert job.key is not None
        assert job.key not in running
        running.add(job.key)
        await asyncio.sleep(0)
        seen.setdefault(job.key, []).append(payload)
        running.discard(job.key)

    async with rig(keyed, workers=20) as r:
        for number in range(60):
            for key in "abc":
                await r.enqueue("keyed", number, key=key, priority=number % 3)
        await r.ran(180)
        assert await r.sql("SELECT id FROM queue_jobs WHERE statusid <> 3") == []
        assert seen == {key: list(range(60)) for key in "abc"}


async def test_a_retry_holds_back_its_key_and_nothing_else(rig: RigMaker) -> None:
    seen: list[str] = []

    @handler("keyed", retry=[3600])
    async def keyed(payload: str, job: Job) -> None:
        if payload == "1" and job.attempt == 0:
            raise ConnectionError
        seen.append(payload)

    async with rig(keyed) as r:
        held, *_ = [await r.enqueue("keyed", name, key="k") for name in "123"]
        await r.until(held, 5)
        for name, key in [("x", "other"), ("y", None)]:
            await r.until(await r.enqueue("keyed", name, key=key))
        assert seen == ["x", "y"]
        # An hour later.
        await r.sql("UPDATE queue_jobs SET scheduledat = '2020-01-01T00:00:00.000' WHERE id = :id", id=held)
        r.engine.woken([""])
        await r.ran(6)
        assert seen == ["x", "y", "1", "2", "3"]


async def test_a_dead_letter_lets_its_key_go_on(rig: RigMaker) -> None:
    seen: list[str] = []

    @handler("keyed", max_retries=0)
    async def keyed(payload: str) -> None:
        seen.append(payload)
        if payload == "bad":
            raise ValueError

    async with rig(keyed) as r:
        for name in ("bad", "good", "better"):
            await r.enqueue("keyed", name, key="k")
        await r.ran(3)
        assert seen == ["bad", "good", "better"]


async def test_effects_of_a_key_commit_in_order(rig: RigMaker) -> None:
    @handler("empty")
    async def empty() -> None: ...

    @handler("effect")
    async def effect(payload: str, job: Job) -> None:
        before = await job.db.scalar(text("SELECT count(*) FROM queue_jobs WHERE orderingkey = 'k' AND statusid = 3"))
        await job.db.execute(EFFECT, {"msg": f"{payload} after {before}"})

    kinds = ["effect", "empty", "empty", "effect", "effect", "effect", "empty"] * 4
    async with rig(empty, effect) as r:
        await r.sql(EFFECTS)
        await r.engine.store.enqueue(
            [
                NewJob(id=f"{n:03}", handler=kind, payload=str(n), contenttype="text/plain", orderingkey="k")
                for n, kind in enumerate(kinds)
            ]
        )
        r.engine.pool.wake_all()
        await r.ran(len(kinds))
        assert [row["msg"] for row in await r.sql("SELECT msg FROM effects")] == [
            f"{n} after {n}" for n, kind in enumerate(kinds) if kind == "effect"
        ]


async def test_a_waiting_job_is_cancelled_at_once(rig: RigMaker) -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    @handler("long")
    async def long() -> None:
        begun.set()
        await gate.wait()

    async with rig(long, workers=1) as r:
        running, waiting = await r.enqueue("long"), await r.enqueue("long")
        await begun.wait()
        assert await r.engine.cancel(waiting, reason="not needed", actor="somebody") == 6
        row = await r.job(waiting)
        assert (row["statusid"], row["lasterror"], row["modifiedby"]) == (6, "not needed", "somebody")
        assert [h["statusid"] for h in await r.histories(waiting)] == [6]
        gate.set()
        assert (await r.until(running))["statusid"] == 3
        assert await r.engine.cancel(running, reason="too late", actor="somebody") is None


async def test_a_running_job_is_stopped_and_its_effects_undone(rig: RigMaker) -> None:
    begun = asyncio.Event()

    @handler("long")
    async def long(job: Job) -> None:
        await job.db.execute(EFFECT, {"msg": job.id})
        begun.set()
        await asyncio.Event().wait()

    async with rig(long) as r:
        await r.sql(EFFECTS)
        job = await r.enqueue("long")
        await begun.wait()
        assert await r.engine.cancel(job, reason="not needed", actor="somebody") == 2
        row = await r.until(job)
        assert (row["statusid"], row["lasterror"]) == (6, "not needed")
        assert [(h["statusid"], h["result"]) for h in await r.histories(job)] == [(6, "not needed")]
        assert await r.sql("SELECT msg FROM effects") == []


async def test_a_job_that_runs_elsewhere_is_stopped_through_the_database(rig: RigMaker) -> None:
    begun = asyncio.Event()

    @handler("long")
    async def long() -> None:
        begun.set()
        await asyncio.Event().wait()

    async with rig(long, lease=3.0) as r:
        job = await r.enqueue("long")
        await begun.wait()
        assert await r.engine.store.cancel(job, reason="not needed", actor="another instance") == 2
        row = await r.until(job)
        assert (row["statusid"], row["lasterror"]) == (6, "not needed")
        assert [(h["statusid"], h["result"]) for h in await r.histories(job)] == [(6, "not needed")]


async def test_a_job_for_later_begins_in_time_whoever_enqueues_it(rig: RigMaker) -> None:
    """Long before anybody would look by itself, although it names its queue."""

    @handler("later")
    async def later(job: Job) -> None:
        if job.payload is None:
            await job.enqueue("later", "from the first", queue="default", delay=0.5)

    async with rig(later, poll_interval=600, lease=1800.0) as r:
        await r.enqueue("later", queue="default", delay=0.5)
        async with asyncio.timeout(20):
            await r.ran(2)


async def test_rows_that_wait_for_no_time_have_nobody_look_for_times(rig: RigMaker) -> None:
    """It was a third of what an instance did under steady traffic."""

    @handler("parent")
    async def parent(job: Job) -> None:
        await job.enqueue("child", queue="default")

    @handler("child")
    async def child() -> None: ...

    looked = 0

    async with rig(parent, child, poll_interval=60) as r:
        seconds_until_due = r.engine.store.seconds_until_due

        async def counted() -> float | None:
            nonlocal looked
            looked += 1
            return await seconds_until_due()

        r.engine.store.seconds_until_due = counted  # type: ignore[method-assign]  # counted, and done
        for _ in range(20):
            await r.until(await r.enqueue("parent"))
        await r.ran(40)
        assert looked < 10


async def test_a_job_that_has_lost_a_worker_counts_among_those_that_run(rig: RigMaker) -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    @handler("long")
    async def long() -> None:
        begun.set()
        await gate.wait()

    async with rig(long, lease=3.0) as r:
        await r.sql("INSERT INTO queue_jobs (id, handler, queue, crashcount) VALUES ('x', 'long', 'default', 1)")
        r.engine.woken(["default"])
        await begun.wait()
        assert r.engine.state()["running"] == 1
        gate.set()
        assert (await r.until("x"))["statusid"] == 3


async def test_what_follows_a_job_that_has_lost_a_worker_is_not_held_meanwhile(rig: RigMaker) -> None:
    """Each worker lost to one of them counted for all that are behind it: the third failed at its first own crash."""
    begun, gate = asyncio.Event(), asyncio.Event()
    ran: list[str] = []

    @handler("step")
    async def step(job: Job) -> None:
        ran.append(job.id)
        begun.set()
        await gate.wait()

    async with rig(step, lease=3.0) as r:
        await r.sql(
            "INSERT INTO queue_jobs (id, handler, queue, orderingkey, crashcount) VALUES"
            " ('a', 'step', 'default', 'k', 1), ('b', 'step', 'default', 'k', 1), ('c', 'step', 'default', 'k', 1)"
        )
        r.engine.woken(["default"])
        await begun.wait()
        held = await r.sql("SELECT id FROM queue_jobs WHERE statusid = 2")
        assert [row["id"] for row in held] == ["a"]
        gate.set()
        assert (await r.until("c"))["statusid"] == 3
        assert ran == ["a", "b", "c"]


async def test_shutdown_waits_for_what_runs_and_gives_back_the_rest(rig: RigMaker) -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    @handler("work")
    async def work() -> str:
        begun.set()
        await gate.wait()
        return "finished"

    async with rig(work, workers=1) as r:
        first, second = await r.enqueue("work"), await r.enqueue("work")
        await begun.wait()
        stopping = asyncio.create_task(r.engine.stop())
        await asyncio.sleep(0)
        gate.set()
        await stopping
        assert (await r.job(first))["result"] == '"finished"'
        row = await r.job(second)
        assert (row["statusid"], row["retrycount"], row["crashcount"]) in [(0, 0, 0), (1, 0, 0)]
        assert await r.histories(second) == []


@pytest.mark.parametrize("seconds", [0.0, 0.1])
async def test_shutdown_past_its_deadline_stops_the_handler_without_using_an_attempt(
    rig: RigMaker, seconds: float
) -> None:
    begun = asyncio.Event()

    @handler("endless")
    async def endless(job: Job) -> None:
        await job.db.execute(EFFECT, {"msg": job.id})
        begun.set()
        await asyncio.Event().wait()

    async with rig(endless, shutdown_timeout=seconds) as r:
        await r.sql(EFFECTS)
        job = await r.enqueue("endless")
        await begun.wait()
        await r.engine.stop()
        row = await r.job(job)
        assert (row["statusid"], row["retrycount"], row["crashcount"]) == (1, 0, 0)
        assert await r.histories(job) == []
        assert await r.sql("SELECT msg FROM effects") == []


async def test_a_remembered_step_is_not_run_again(rig: RigMaker) -> None:
    charged: list[str] = []

    @handler("pay", retry=[0.01])
    async def pay(job: Job) -> dict[str, str]:
        receipt = await job.step("charge", charge, "7")
        if job.attempt == 0:
            raise ConnectionError("after the charge")
        return {"receipt": receipt}

    async def charge(order: str) -> str:
        charged.append(order)
        return f"R-{order}"

    async with rig(pay) as r:
        row = await r.until(await r.enqueue("pay"))
        assert (row["statusid"], row["result"]) == (3, '{"receipt":"R-7"}')
        assert charged == ["7"]


async def test_steps_at_once_are_each_remembered(rig: RigMaker) -> None:
    called: list[str] = []

    @handler("buy", retry=[0.01])
    async def buy(job: Job) -> list[str]:
        first, second = await asyncio.gather(job.step("paper", buy_one, "paper"), job.step("ink", buy_one, "ink"))
        again = await job.step("paper", buy_one, "more paper")
        if job.attempt == 0:
            raise ConnectionError("after both")
        return [first, second, again]

    async def buy_one(what: str) -> str:
        called.append(what)
        return what.upper()

    async with rig(buy) as r:
        row = await r.until(await r.enqueue("buy"))
        assert (row["statusid"], row["result"]) == (3, '["PAPER","INK","PAPER"]')
        assert sorted(called) == ["ink", "paper"]


async def test_a_step_under_the_name_of_one_that_is_under_way_is_refused(rig: RigMaker) -> None:
    charged: list[str] = []

    @handler("pay.all", max_retries=0)
    async def pay_all(job: Job) -> None:
        await asyncio.gather(*(job.step("charge", charge, order) for order in "78"))

    async def charge(order: str) -> None:
        charged.append(order)

    async with rig(pay_all) as r:
        row = await r.until(await r.enqueue("pay.all"))
        assert (row["statusid"], charged) == (4, ["7"])
        assert "step 'charge' is under way" in row["lasterror"]


async def test_a_step_after_job_db_is_refused(rig: RigMaker) -> None:
    @handler("late")
    async def late(job: Job) -> None:
        await job.db.execute(text("SELECT 1"))
        await job.step("late", lambda: 1)

    async with rig(late) as r:
        row = await r.until(await r.enqueue("late"))
        assert row["statusid"] == 4
        assert row["lasterror"].startswith("StepInsideTransaction")


async def test_what_a_handler_sends_is_a_row_of_its_transaction(rig: RigMaker) -> None:
    @handler("sends", max_retries=0)
    async def sends(payload: str, job: Job) -> None:
        await job.publish("erp", "orders.accepted", {"id": 7}, key="7")
        await job.enqueue("child", {"of": job.id})
        if payload == "fails":
            raise ValueError

    @handler("child")
    async def child(job: Job) -> str | None:
        return job.parent_id

    async with rig(sends, child) as r:
        failed = await r.until(await r.enqueue("sends", "fails"))
        assert failed["statusid"] == 4
        assert await r.sql("SELECT id FROM queue_jobs WHERE parentjobid = :id", id=failed["id"]) == []
        parent = await r.until(await r.enqueue("sends", "works"))
        assert parent["statusid"] == 3
        rows = {
            row["handler"]: row
            for row in await r.sql("SELECT * FROM queue_jobs WHERE parentjobid = :id", id=parent["id"])
        }
        assert set(rows) == {"publish", "child"}
        assert (rows["publish"]["direction"], rows["publish"]["queue"], rows["publish"]["orderingkey"]) == (
            "outbound",
            "external",
            "erp/orders.accepted/7",
        )
        done = await r.until(rows["child"]["id"])
        assert done["result"] == f'"{parent["id"]}"'


async def test_progress_is_in_view_while_the_job_runs(rig: RigMaker) -> None:
    said, gate = asyncio.Event(), asyncio.Event()

    @handler("long")
    async def long(job: Job) -> None:
        await job.progress(0.5, "half way, \0 and \ud800, " + "x" * 20_000_000)  # what no database takes as it is
        said.set()
        await gate.wait()

    async with rig(long, lease=3.0) as r:
        job = await r.enqueue("long")
        await said.wait()
        async with asyncio.timeout(30):
            while (row := await r.job(job))["progress"] is None:  # noqa: ASYNC110 - the heartbeat tells nobody
                await asyncio.sleep(0.05)
        assert (row["progress"], row["progressnote"][:29]) == (0.5, "half way, \\0 and \\ud800, xxxx")
        gate.set()
        assert (await r.until(job))["statusid"] == 3


@pytest.mark.parametrize("count", [1, 500])
async def test_a_crowd_of_empty_jobs_each_ends_once(rig: RigMaker, count: int) -> None:
    runs = 0

    @handler("empty")
    async def empty() -> None:
        nonlocal runs
        runs += 1

    async with rig(empty, workers=50) as r:
        for _ in range(count):
            await r.enqueue("empty")
        await r.ran(count)
        assert runs == count
        assert len(await r.sql("SELECT DISTINCT jobid FROM job_histories")) == count


@pytest.mark.parametrize("lease", [1.5, 30.0])
async def test_a_handler_that_blocks_the_loop_is_named_and_keeps_its_lease(
    rig: RigMaker, caplog: pytest.LogCaptureFixture, lease: float
) -> None:
    @handler("blocks.it")
    async def blocks() -> str:
        time.sleep(3.0)  # noqa: ASYNC251 - the very fault
        return "through"

    async with rig(blocks, lease=lease) as r:
        row = await r.until(await r.enqueue("blocks.it"))
        assert (row["statusid"], row["result"], row["crashcount"]) == (3, '"through"', 0)
    # A busy machine may block it a second time, without a handler.
    said = [record.getMessage() for record in caplog.records if "event loop is blocked" in record.getMessage()]
    assert ["handler blocks.it" in each for each in said if "in blocks" in each] == [True]


async def test_transactions_begun_ahead_need_no_more_connections_than_the_pool(rig: RigMaker) -> None:
    opened = 0

    @handler("effect")
    async def effect(job: Job) -> None:
        await job.db.execute(EFFECT, {"msg": job.id})

    async with rig(effect, workers=9, pool=4) as r:
        await r.sql(EFFECTS)
        slots = getattr(r.database, "_slots", None)
        if slots is not None:  # SQLite has one writer and no slots
            make = slots.open

            async def counted() -> object:
                nonlocal opened
                opened += 1
                return await make()

            slots.open = counted
        for _ in range(300):
            await r.enqueue("effect")
        await r.ran(300)
        assert opened <= 4
        assert len(await r.sql("SELECT DISTINCT msg FROM effects")) == 300

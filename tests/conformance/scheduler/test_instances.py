"""Several schedulers on one database, and one by the real clock."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.clock import SystemClock
from hub.errors import AlreadyExists, DatabaseUnavailable
from hub.ports import Rows, Statement
from hub.scheduler.materialize import Materializer, TickSettings
from hub.scheduler.scheduler import Scheduler
from hub.scheduler.store import Fire, ScheduleStore
from tests.conformance.scheduler.rig import PATIENCE, START, Rig, rig_on
from tests.servers import Proxy
from tests.servers.proxy import Moment

# --- at most once, whoever looks


async def fired(rig: Rig) -> list[tuple[str, str]]:
    return [
        (row["source"], row["dedupekey"])
        for row in await rig.sql("SELECT source, dedupekey FROM queue_jobs ORDER BY source, dedupekey")
    ]


@pytest.mark.postgres
async def test_three_at_once_fire_each_time_exactly_once(postgres_rig: Rig) -> None:
    rig = postgres_rig
    for number in range(40):
        await rig.add(f"j{number:02d}", intervalseconds=60, misfire="all")
    schedulers = [rig.scheduler, rig.another(batch=7), rig.another(batch=500)]
    await rig.tick()
    dice = random.Random(1)
    for _ in range(6):
        rig.now += timedelta(minutes=dice.choice([1, 1, 2]))
        await asyncio.gather(*(rig.do_all(each) for each in schedulers))
    minutes = round((rig.now - START) / timedelta(minutes=1))
    expected = [
        (f"schedule:j{number:02d}", f"{START + timedelta(minutes=m + 1):%Y-%m-%dT%H:%M:%S.%fZ}")
        for number in range(40)
        for m in range(minutes)
    ]
    assert await fired(rig) == expected
    counts = await rig.sql("SELECT DISTINCT executioncount FROM jobs")
    assert [row["executioncount"] for row in counts] == [minutes]


class Held(ScheduleStore):
    """A store that stops before its next write, as a process does that is stopped there."""

    def __init__(self, database: Any) -> None:
        super().__init__(database)
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def fire(self, fires: Any) -> dict[str, int]:
        self.reached.set()
        await self.go_on.wait()
        return await super().fire(fires)

    async def plan(self, plans: Any, *, anew: bool = False) -> int:
        self.reached.set()
        await self.go_on.wait()
        return await super().plan(plans, anew=anew)


def held_materializer(rig: Rig) -> tuple[Held, Materializer]:
    store = Held(rig.database)
    return store, Materializer(store, SystemClock(), lambda _: None, TickSettings())


async def test_one_that_was_stopped_between_reading_and_writing_comes_too_late(rig: Rig) -> None:
    await rig.add(intervalseconds=60)
    await rig.tick()
    rig.now += timedelta(minutes=1)
    store, stopped = held_materializer(rig)
    late = asyncio.create_task(stopped.fire(rig.now))
    await store.reached.wait()
    for _ in range(5):
        await rig.tick(minutes=1)
    before = (await rig.times(), await rig.next())
    store.go_on.set()
    await late
    assert (await rig.times(), await rig.next()) == before
    assert (await rig.row())["executioncount"] == 5


async def test_one_that_was_killed_there_leaves_all_to_the_others(rig: Rig) -> None:
    await rig.add(intervalseconds=60)
    await rig.tick()
    rig.now += timedelta(minutes=1)
    store, killed = held_materializer(rig)
    doomed = asyncio.create_task(killed.fire(rig.now))
    await store.reached.wait()
    doomed.cancel()
    await asyncio.gather(doomed, return_exceptions=True)
    await rig.tick()
    assert await rig.times() == ["03-01 12:01"]


async def test_an_edit_between_reading_and_writing_wins(rig: Rig) -> None:
    await rig.add(intervalseconds=60)
    await rig.tick()
    rig.now += timedelta(minutes=1)
    store, stopped = held_materializer(rig)
    late = asyncio.create_task(stopped.fire(rig.now))
    await store.reached.wait()
    await rig.change(enabled=False)
    store.go_on.set()
    await late
    assert await rig.fires() == []


async def test_a_plan_that_comes_too_late_does_not_put_time_back(rig: Rig) -> None:
    await rig.add(intervalseconds=60)
    store, stopped = held_materializer(rig)
    late = asyncio.create_task(stopped.plan(rig.now))
    await store.reached.wait()
    await rig.tick()
    await rig.tick(minutes=3)
    before = await rig.next()
    store.go_on.set()
    await late
    assert await rig.next() == before


async def test_the_fire_and_the_step_are_one_transaction(rig: Rig) -> None:
    """What the database refuses of the fire leaves the schedule where it stood."""
    await rig.add(intervalseconds=60)
    await rig.tick()
    (row,) = await ScheduleStore(rig.database).due(START + timedelta(minutes=1), 10)
    await rig.sql("INSERT INTO queue_jobs (id, handler) VALUES ('taken', 'h')")
    at = START + timedelta(minutes=1)
    fire = Fire(
        row.id,
        row.revision,
        at,
        at + timedelta(minutes=1),
        None,
        "taken",
        at,
        row.source,
        "2026-03-01T12:01",
        None,
        None,
    )
    with pytest.raises(AlreadyExists, match=r"taken|UNIQUE|duplicate"):
        await ScheduleStore(rig.database).fire([fire])
    assert await rig.next() == at
    assert await rig.fires() == []


class Without:
    """A database whose fire statement has lost its guard: the negative control of the tests above."""

    def __init__(self, database: Any, guard: str) -> None:
        self._database = database
        self._guard = guard

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def run(self, statement: Statement, rows: Rows = (), /, **scalars: Any) -> list[Any]:
        if statement.name == "fire":
            assert any(self._guard in text for text in statement.texts)
            texts = tuple(text.replace(self._guard, "TRUE") for text in statement.texts)
            statement = Statement(statement.name, texts, statement.columns, statement.scalars, statement.order)
        answer: list[Any] = await self._database.run(statement, rows, **scalars)
        return answer


@pytest.mark.postgres
async def test_without_the_guard_time_goes_back(postgres_rig: Rig) -> None:
    rig = postgres_rig
    await rig.add(intervalseconds=60)
    await rig.tick()
    rig.now += timedelta(minutes=1)
    store, stopped = held_materializer(rig)
    store._database = Without(rig.database, "hub_reachable(j.nextrunat) = s.was")
    late = asyncio.create_task(stopped.fire(rig.now))
    await store.reached.wait()
    for _ in range(5):
        await rig.tick(minutes=1)
    before = await rig.next()
    assert before is not None
    store.go_on.set()
    await late
    after = await rig.next()
    assert after is not None
    assert after < before  # and so the guard is what the others show


async def test_rows_in_somebodys_hands_are_looked_at_again_soon_not_at_once(rig: Rig) -> None:
    """A transaction over rows that are still to be planned: the scheduler neither spins nor forgets them."""
    if rig.sqlite:
        pytest.skip("one writer: nothing is in anybody's hands")
    for name in ("a", "b"):
        await rig.add(name, intervalseconds=60)
    scheduler = rig.another(batch=2)
    async with rig.database.transaction() as other:
        await other.execute(text("SELECT id FROM jobs WHERE id IN ('a', 'b') FOR UPDATE"))
        assert 0 < await scheduler.tick() <= 0.05
        assert await rig.next("a") is None
    await rig.do_all(scheduler)
    assert await rig.next("a") == await rig.next("b") == START + timedelta(minutes=1)


async def test_many_missed_times_of_many_schedules_are_made_up_part_by_part(rig: Rig) -> None:
    """What a statement carries does not grow with what was missed."""
    for number in range(6):
        await rig.add(f"j{number}", intervalseconds=60, misfire="all")
    scheduler = rig.another(batch=4)
    await rig.do_all(scheduler)
    sent: list[int] = []
    write = scheduler._store.fire

    async def counting(fires: Sequence[Fire]) -> dict[str, int]:
        sent.append(len(fires))
        return await write(fires)

    scheduler._store.fire = counting  # type: ignore[method-assign]  # only listens
    rig.now += timedelta(minutes=3)
    await rig.do_all(scheduler)
    assert sorted(sent) == [3] * 6
    for number in range(6):
        assert len(await rig.fires(f"j{number}")) == 3


# --- by the real clock


@asynccontextmanager
async def at_work(rig: Rig, **settings: Any) -> AsyncIterator[Scheduler]:
    scheduler = rig.another(real_time=True, **settings)
    await scheduler.start()
    try:
        yield scheduler
    finally:
        await scheduler.stop()


async def until_woken(rig: Rig) -> datetime:
    async with asyncio.timeout(PATIENCE):
        await rig.heard.wait()
    rig.heard.clear()
    return datetime.now(UTC)


async def test_an_idle_scheduler_fires_on_time(rig: Rig) -> None:
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    await rig.add("plain", startat=at)
    await rig.add("asking", startat=at, condition="1 = 1")
    async with at_work(rig, check_interval=60.0):
        came = await until_woken(rig)
        assert timedelta(0) <= came - at < timedelta(seconds=15)  # by its time, and not by the next look


@pytest.mark.postgres
async def test_an_insert_by_sql_is_heard_at_once(postgres_rig: Rig) -> None:
    rig = postgres_rig
    async with at_work(rig, check_interval=60.0):
        await rig.sql("SELECT 1")
        before = datetime.now(UTC)
        await rig.add(startat=before)
        assert await until_woken(rig) - before < timedelta(seconds=15)


async def test_an_insert_that_nobody_tells_of_is_found_at_the_check_interval(rig: Rig) -> None:
    async with at_work(rig, check_interval=0.2):
        await rig.add(startat=datetime.now(UTC))
        await until_woken(rig)


async def test_whoever_changes_rows_in_this_process_can_say_so(rig: Rig) -> None:
    async with at_work(rig, check_interval=60.0) as scheduler:
        await rig.add(startat=datetime.now(UTC))
        scheduler.changed()
        await until_woken(rig)
        assert scheduler.state()["fired"] == 1
        assert scheduler.state()["running"] is True


@pytest.mark.postgres
async def test_a_lost_database_is_waited_for(postgres_url: str, postgres_proxy: Proxy) -> None:
    async with rig_on(postgres_url) as beside, rig_on(postgres_proxy.url_through(postgres_url)) as rig:
        async with at_work(rig, check_interval=0.1):
            postgres_proxy.refuse()
            postgres_proxy.cut()
            at = datetime.now(UTC)
            await beside.add(startat=at)
            postgres_proxy.accept()
            await until_woken(rig)
        assert len(await beside.fires()) == 1


@pytest.mark.postgres
@pytest.mark.parametrize("moment", list(Moment))
async def test_a_connection_cut_at_the_fire(moment: Moment, postgres_url: str, postgres_proxy: Proxy) -> None:
    """Before the statement, behind it, or in its answer: the fire happens once, and the next one is the next one."""
    async with rig_on(postgres_url) as beside, rig_on(postgres_proxy.url_through(postgres_url)) as rig:
        await beside.add("cut-here", intervalseconds=60, misfire="all")
        await rig.tick()
        rig.now += timedelta(minutes=1)
        trigger = postgres_proxy.cut_when(b"schedule:cut-here", moment)
        with pytest.raises(DatabaseUnavailable):
            await rig.do_all(rig.scheduler)
        await trigger.wait()
        await rig.tick()
        await rig.tick(minutes=1)
        assert await beside.times("cut-here") == ["03-01 12:01", "03-01 12:02"]
        assert (await beside.row("cut-here"))["executioncount"] == 2


async def test_stop_tolerates_never_started_and_twice(rig: Rig) -> None:
    await rig.scheduler.stop()
    scheduler = rig.another(real_time=True)
    await scheduler.start()
    await scheduler.stop()
    await scheduler.stop()
    assert scheduler.state()["running"] is False

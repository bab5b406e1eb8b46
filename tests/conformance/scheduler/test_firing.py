"""Rows of `jobs` become rows of `queue_jobs` when their time has come."""

import json
from datetime import UTC, datetime, timedelta

from tests.conformance.scheduler.rig import START, Rig

DOCUMENTED = """
INSERT INTO jobs (id, name, description, handler, cronexpression, enabled, priority, maxretries, createdby)
VALUES ('daily-sales-report', 'Daily Sales Report', 'Generate and send daily sales report', 'reports.daily.sales',
        '0 8 * * *', TRUE, 5, 3, 'system');
INSERT INTO jobs (id, name, description, handler, intervalseconds, enabled, priority, createdby)
VALUES ('health-check', 'System Health Check', 'Check system health and send alerts', 'system.health.check',
        300, TRUE, 10, 'system');
INSERT INTO jobs (id, name, description, handler, cronexpression, enabled, priority, createdby)
VALUES ('monthly-cleanup', 'Monthly Data Cleanup', 'Archive old data and clean up temporary files',
        'system.cleanup.monthly', '0 0 1 * *', TRUE, 3, 'system')
"""


async def test_the_documented_inserts(rig: Rig) -> None:
    for statement in DOCUMENTED.split(";"):
        await rig.sql(statement)
    await rig.tick()
    assert await rig.next("daily-sales-report") == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert await rig.next("health-check") == START + timedelta(seconds=300)
    assert await rig.next("monthly-cleanup") == datetime(2026, 4, 1, tzinfo=UTC)
    await rig.tick(minutes=4, seconds=59)
    assert await rig.times("health-check") == []
    await rig.tick(seconds=1)
    await rig.tick(minutes=5)
    assert await rig.times("health-check") == ["03-01 12:05", "03-01 12:10"]
    rig.now = datetime(2026, 3, 2, 8, tzinfo=UTC)
    await rig.tick()
    (report,) = await rig.fires("daily-sales-report")
    assert (report["handler"], report["priority"], report["maxretries"]) == ("reports.daily.sales", 5, 3)
    assert (report["typeid"], report["statusid"], report["timeout"]) == (1, 0, 300)
    rig.now = datetime(2026, 4, 1, tzinfo=UTC)
    await rig.tick()
    assert await rig.times("monthly-cleanup") == ["04-01 00:00"]


async def test_the_rows_that_the_migrations_bring(rig: Rig) -> None:
    """They were deleted by the rig, which proves that they were there; here they are as the file has them."""
    await rig.add("job-cleanup-old-histories", "system.cleanup.histories", cronexpression="0 2 * * *")
    await rig.add("job-retry-failed-jobs", "system.retry.failed", cronexpression="*/15 * * * *")
    await rig.tick()
    await rig.tick(minutes=15)
    await rig.tick(hours=13, minutes=45)
    assert await rig.times("job-cleanup-old-histories") == ["03-02 02:00"]
    assert "03-01 12:15" in await rig.times("job-retry-failed-jobs")


async def test_what_a_fire_carries(rig: Rig) -> None:
    await rig.add(
        handler="reports.daily", intervalseconds=60, payload='{"a": 1}', queue="critical", priority=7, maxretries=0,
        timeout=12.5, metadata='{"workspace_id": "w", "scheduled_job_id": "forged"}',
    )  # fmt: skip
    await rig.tick()
    await rig.tick(seconds=60)
    (fire,) = await rig.fires()
    assert (fire["handler"], fire["payload"], fire["queue"]) == ("reports.daily", '{"a": 1}', "critical")
    assert (fire["priority"], fire["maxretries"], fire["timeout"]) == (7, 0, 12.5)
    metadata = json.loads(fire["metadata"]) if isinstance(fire["metadata"], str) else fire["metadata"]
    assert metadata == {
        "workspace_id": "w",
        "scheduled_job_id": "j",
        "scheduled_for": "2026-03-01T12:01:00.000000Z",
    }
    row = await rig.row()
    assert (row["executioncount"], row["lastrunat"]) == (1, START + timedelta(seconds=60))
    assert rig.woken == ["critical"]


async def test_metadata_that_is_no_object(rig: Rig) -> None:
    await rig.add(intervalseconds=60, metadata="[1, 2]")
    await rig.tick()
    await rig.tick(seconds=60)
    assert len(await rig.fires()) == 1


async def test_a_row_that_names_no_queue_leaves_that_to_the_handler(rig: Rig) -> None:
    await rig.add(intervalseconds=60)
    await rig.tick()
    await rig.tick(seconds=60)
    assert [fire["queue"] for fire in await rig.fires()] == [None]
    assert rig.woken == [""]


async def test_seconds_zones_and_names(rig: Rig) -> None:
    await rig.add("seconds", cronexpression="*/20 * * * * *")
    await rig.add("paris", cronexpression="0 8 * * MON", timezone="Europe/Paris")
    await rig.tick()
    assert await rig.next("seconds") == START + timedelta(seconds=20)
    assert await rig.next("paris") == datetime(2026, 3, 2, 7, tzinfo=UTC)


async def test_both_days_the_clocks_turn(rig: Rig) -> None:
    await rig.add(cronexpression="30 2 * * *", timezone="Europe/Paris")
    rig.now = datetime(2026, 3, 28, 12, tzinfo=UTC)
    await rig.tick()
    for _ in range(48 * 2):
        await rig.tick(minutes=30)
    assert await rig.times() == ["03-29 01:00", "03-30 00:30"]
    await rig.sql("DELETE FROM queue_jobs")
    rig.now = datetime(2026, 10, 24, 23, 45, tzinfo=UTC)
    await rig.change(timezone="Europe/Berlin")
    for _ in range(26 * 2):
        await rig.tick(minutes=30)
    assert await rig.times() == ["10-25 00:30", "10-26 01:30"]


async def test_an_interval_keeps_to_its_start(rig: Rig) -> None:
    await rig.add("future", intervalseconds=3600, startat=START + timedelta(minutes=10))
    await rig.add("past", intervalseconds=3600, startat=START - timedelta(minutes=10))
    await rig.tick()
    assert await rig.next("future") == START + timedelta(minutes=10)
    assert await rig.next("past") == START + timedelta(minutes=50)
    await rig.tick(minutes=11)
    await rig.tick(hours=2)
    assert await rig.next("future") == START + timedelta(hours=3, minutes=10)


async def test_once(rig: Rig) -> None:
    await rig.add("later", startat=START + timedelta(hours=1), maxexecutions=1)
    await rig.add("past", startat=START - timedelta(days=3), maxexecutions=1)
    await rig.tick()
    assert await rig.times("past") == ["02-26 12:00"]
    assert await rig.times("later") == []
    for _ in range(3):
        await rig.tick(hours=1)
    assert await rig.times("later") == ["03-01 13:00"]
    assert (await rig.row("later"))["status"] == "completed"
    assert await rig.next("later") is None


async def test_the_window_and_the_number_of_executions(rig: Rig) -> None:
    await rig.add("window", cronexpression="*/10 * * * *", startat=START + timedelta(minutes=25),
                  endat=START + timedelta(minutes=50))  # fmt: skip
    await rig.add("thrice", intervalseconds=60, maxexecutions=3)
    await rig.tick()
    for _ in range(12):
        await rig.tick(minutes=10)
    assert await rig.times("window") == ["03-01 12:30", "03-01 12:40", "03-01 12:50"]
    assert await rig.next("window") is None
    assert len(await rig.fires("thrice")) == 3
    assert (await rig.row("thrice"))["status"] == "completed"
    assert await rig.next("thrice") is None


async def test_a_completed_schedule_goes_on_when_it_may(rig: Rig) -> None:
    await rig.add(intervalseconds=60, maxexecutions=1)
    await rig.tick()
    await rig.tick(minutes=1)
    await rig.tick(minutes=5)
    assert len(await rig.fires()) == 1
    await rig.change(executioncount=0)
    await rig.tick()
    await rig.tick(minutes=1)
    assert len(await rig.fires()) == 2


async def test_jitter_spreads_the_starts(rig: Rig) -> None:
    await rig.add(intervalseconds=60, jitter=30.0)
    await rig.tick()
    for _ in range(8):
        await rig.tick(minutes=1)
    fires = await rig.fires()
    assert len(fires) == 8
    assert {fire["statusid"] for fire in fires} == {7}
    assert len({str(fire["scheduledat"]) for fire in fires}) == 8
    assert rig.woken == [""] * 8  # something was given a time


async def test_a_pause_makes_up_for_nothing(rig: Rig) -> None:
    await rig.add(cronexpression="0 * * * *")
    await rig.tick()
    await rig.change(enabled=False)
    await rig.tick(days=1)
    assert await rig.next() is None
    await rig.change(enabled=True)
    await rig.tick(minutes=30)
    assert await rig.fires() == []
    assert await rig.next() == START + timedelta(days=1, hours=1)


async def test_what_is_deleted_or_inactive_does_not_fire(rig: Rig) -> None:
    for number, column in enumerate(("is_deleted", "active", "enabled")):
        await rig.add(f"j{number}", intervalseconds=60)
        await rig.tick()
        await rig.change(f"j{number}", **{column: column == "is_deleted"})
    await rig.tick(hours=1)
    assert await rig.sql("SELECT id FROM queue_jobs") == []


async def test_the_clock_goes_back(rig: Rig) -> None:
    await rig.add(cronexpression="*/10 * * * *")
    await rig.tick()
    await rig.tick(minutes=10)
    expected = await rig.next()
    rig.now -= timedelta(hours=2)
    await rig.tick()
    await rig.change(misfire="all")  # planned again, by a clock that is behind
    await rig.tick(minutes=15)
    assert await rig.next() == expected
    assert await rig.times() == ["03-01 12:10"]


async def test_the_next_times_can_be_asked_for(rig: Rig) -> None:
    await rig.add("daily", cronexpression="0 8 * * *", endat=START + timedelta(days=3))
    await rig.add("twice", intervalseconds=60, maxexecutions=2)
    await rig.add("once", startat=START + timedelta(hours=1))
    await rig.add("off", cronexpression="0 8 * * *", enabled=False)
    await rig.tick()
    upcoming = rig.scheduler.upcoming
    assert [at.isoformat() for at in await upcoming("daily", 9)] == [
        f"2026-03-0{day}T08:00:00+00:00" for day in (2, 3, 4)
    ]
    assert await upcoming("twice", 9) == [START + timedelta(seconds=60), START + timedelta(seconds=120)]
    assert await upcoming("once", 9) == [START + timedelta(hours=1)]
    assert await upcoming("off", 9) == []


async def test_more_than_a_batch_is_done_without_a_pause(rig: Rig) -> None:
    scheduler = rig.another(batch=2)
    ids = [await rig.add(f"j{number}", intervalseconds=60) for number in range(5)]

    async def pauses() -> list[float]:
        found = [await scheduler.tick()]
        while found[-1] == 0:
            found.append(await scheduler.tick())
        return found

    assert await pauses() == [0, 0, 60]
    assert [await rig.next(each) for each in ids] == [START + timedelta(minutes=1)] * 5
    rig.now += timedelta(minutes=1)
    assert await pauses() == [0, 0, 60]
    assert [len(await rig.fires(each)) for each in ids] == [1] * 5
    assert scheduler.state()["fired"] == 5

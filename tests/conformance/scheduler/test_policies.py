"""Fires that were missed, fires that meet an unfinished one, and conditions."""

from datetime import timedelta

import pytest

from hub.clock import SystemClock
from hub.scheduler.control import Control
from hub.scheduler.records import Filter, JobRecords
from tests.conformance.scheduler.rig import START, Rig, rig_on


@pytest.mark.parametrize(
    ("misfire", "expected"),
    [
        ("once", ["03-01 15:00"]),
        ("skip", []),
        ("all", ["03-01 13:00", "03-01 14:00", "03-01 15:00"]),
    ],
)
async def test_what_was_missed(misfire: str, expected: list[str], rig: Rig) -> None:
    await rig.add(cronexpression="0 * * * *", misfire=misfire)
    await rig.tick()
    await rig.tick(hours=3, minutes=20)
    assert await rig.times() == expected
    assert await rig.next() == START + timedelta(hours=4)
    assert (await rig.row())["executioncount"] == len(expected)


async def test_a_time_that_is_skipped_is_in_the_log(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    await rig.add("skipped", intervalseconds=3600, misfire="skip")
    await rig.add("over", intervalseconds=3600, misfire="skip", maxexecutions=1)
    await rig.add("made", intervalseconds=3600)
    await rig.tick()
    await rig.change("over", executioncount=1)
    await rig.tick(minutes=90)
    told = [record.getMessage() for record in caplog.records if "missed" in record.getMessage()]
    assert [message.split()[1] for message in told] == ["skipped"]


async def test_a_little_late_is_in_time(rig: Rig) -> None:
    await rig.add(cronexpression="0 * * * *", misfire="skip")
    await rig.tick()
    await rig.tick(hours=1, seconds=59)
    assert await rig.times() == ["03-01 13:00"]


async def test_the_last_missed_one_counts_if_it_is_recent(rig: Rig) -> None:
    await rig.add(cronexpression="* * * * *", misfire="skip")
    await rig.tick()
    await rig.tick(minutes=30, seconds=10)
    assert await rig.times() == ["03-01 12:30"]


async def test_all_is_bounded(rig: Rig) -> None:
    await rig.add(cronexpression="* * * * * *", misfire="all")
    await rig.tick()
    await rig.tick(days=400)
    fires = await rig.fires()
    assert len(fires) == 100
    assert fires[-1]["dedupekey"] == "2026-03-01T12:01:40.000000Z"
    assert await rig.next() == rig.now + timedelta(seconds=1)


async def test_all_within_the_number_of_executions_and_the_window(rig: Rig) -> None:
    await rig.add("few", cronexpression="* * * * *", misfire="all", maxexecutions=3)
    await rig.add("window", cronexpression="* * * * *", misfire="all", endat=START + timedelta(minutes=2))
    await rig.tick()
    await rig.tick(hours=1)
    assert await rig.times("few") == ["03-01 12:01", "03-01 12:02", "03-01 12:03"]
    assert await rig.times("window") == ["03-01 12:01", "03-01 12:02"]


async def test_overlap_allowed(rig: Rig) -> None:
    await rig.add(intervalseconds=60)
    await rig.tick()
    await rig.tick(minutes=1)
    await rig.sql("UPDATE queue_jobs SET statusid = 2")
    await rig.tick(minutes=1)
    assert len(await rig.fires()) == 2


@pytest.mark.parametrize("unfinished", [0, 1, 2, 5, 7])
async def test_overlap_skipped(unfinished: int, rig: Rig) -> None:
    await rig.add(intervalseconds=60, overlap="skip", misfire="all")
    await rig.tick()
    await rig.tick(minutes=1)
    await rig.sql("UPDATE queue_jobs SET statusid = :status", status=unfinished)
    await rig.tick(minutes=5)
    assert await rig.times() == ["03-01 12:01"]
    assert (await rig.row())["executioncount"] == 1
    for final in (3, 4, 6):
        await rig.sql("UPDATE queue_jobs SET statusid = :status", status=final)
        await rig.tick(minutes=1)
    assert await rig.times() == ["03-01 12:01", "03-01 12:07", "03-01 12:08", "03-01 12:09"]


async def test_overlap_queued(rig: Rig) -> None:
    await rig.add(intervalseconds=60, overlap="queue", misfire="all")
    await rig.tick()
    await rig.tick(minutes=3)
    fires = await rig.fires()
    assert len(fires) == 3
    assert {fire["orderingkey"] for fire in fires} == {"schedule:j"}


# --- conditions


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("1 = 1", True),
        ("1 = 2", False),
        ("(SELECT count(*) FROM jobs) > 0", True),
        ("SELECT count(*) FROM queue_jobs", False),
        ("select 'no'", False),
        ("SELECT 'yes' -- for now", True),
        ("1 = 1 -- for now", True),
        ("/* why */ WITH t AS (SELECT 1 AS a) SELECT a FROM t", True),
        ("NULL", False),
        ("SELECT id FROM jobs WHERE id = 'nobody'", False),
        ("EXISTS (SELECT 1 FROM jobs WHERE name = 'j;--')", False),
        ("'; DROP TABLE jobs' = ''", False),
        ("1 = 1;", None),
        ("SELECT 1;", True),
    ],
)
async def test_a_condition_decides(condition: str, holds: bool | None, rig: Rig) -> None:
    await rig.add(intervalseconds=60, condition=condition)
    await rig.tick()
    await rig.tick(minutes=1)
    assert len(await rig.fires()) == (1 if holds else 0)
    row = await rig.row()
    assert row["executioncount"] == (1 if holds else 0)
    if holds is None:  # an expression with a semicolon is none
        assert not row["enabled"]
    else:
        assert row["lasterror"] is None
        assert row["nextrunat"] == START + timedelta(minutes=2)


@pytest.mark.parametrize("bit", [0, 1])
async def test_a_condition_reads_a_column_of_bits(bit: int, rig: Rig) -> None:
    """MySQL's booleans, in many applications: the driver answers a byte."""
    if rig.database.dialect != "mysql":
        pytest.skip("a type of MySQL and MariaDB")
    await rig.sql("CREATE TABLE switches (is_on BIT(1))")
    await rig.sql(f"INSERT INTO switches VALUES (b'{bit}')")
    await rig.add(intervalseconds=60, condition="SELECT is_on FROM switches")
    await rig.tick()
    await rig.tick(minutes=1)
    assert len(await rig.fires()) == bit


async def test_a_condition_that_goes_on_failing_is_told_of_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    await rig.add(intervalseconds=60, condition="SELECT a FROM no_such_table")
    await rig.tick()
    for _ in range(3):
        await rig.tick(minutes=1)
    assert caplog.text.count("is skipped while its condition fails") == 1
    assert "no_such_table" in (await rig.row())["lasterror"]
    await rig.change(condition="SELECT b FROM no_such_table_either")
    await rig.tick()
    await rig.tick(minutes=2)
    assert caplog.text.count("is skipped while its condition fails") == 2


async def test_a_single_fire_by_sql_is_completed_with_its_job(rig: Rig) -> None:
    records = JobRecords(rig.database, SystemClock())
    await rig.add("single", startat=START)
    assert (await records.show("single"))["state"] == "active"
    await rig.tick(minutes=1)
    assert len(await rig.fires("single")) == 1
    assert (await records.show("single"))["state"] == "processing"
    await rig.sql("UPDATE queue_jobs SET statusid = 3")
    assert (await records.show("single"))["state"] == "completed"
    assert [row["status"] for row in await Control(rig.database, SystemClock()).page()] == ["completed"]
    page, total = await records.page(Filter(status="completed"), skip=0, limit=10)
    assert ([row["id"] for row in page], total) == (["single"], 1)


@pytest.mark.parametrize(
    "condition",
    [
        "1; DROP TABLE jobs",
        "SELECT 1; DROP TABLE jobs",
        "1); DROP TABLE jobs; --",
        "DROP TABLE jobs",
        "DELETE FROM jobs",
        "INSERT INTO queue_jobs (handler) VALUES ('forged')",
        "this is no SQL",
        "",
        "   ",
        "'unfinished",
    ],
)
async def test_what_is_no_condition_disables_its_row_and_no_other(condition: str, rig: Rig) -> None:
    await rig.add(intervalseconds=60, condition=condition)
    await rig.add("good", intervalseconds=60, condition="1 = 1")
    await rig.add("plain", intervalseconds=60)
    await rig.tick()
    await rig.tick(minutes=1)
    row = await rig.row()
    assert not row["enabled"]
    assert row["status"] == "paused"
    assert "condition" in row["lasterror"]
    assert row["nextrunat"] is None
    assert [len(await rig.fires(each)) for each in ("j", "good", "plain")] == [0, 1, 1]
    assert await rig.sql("SELECT id FROM queue_jobs WHERE handler = 'forged'") == []
    # Put right, it goes on.
    await rig.change(condition="1 = 1", enabled=True)
    await rig.tick()
    await rig.tick(minutes=1)
    row = await rig.row()
    assert (row["enabled"], row["lasterror"], row["executioncount"]) == (True, None, 1)


@pytest.mark.postgres
@pytest.mark.parametrize(
    "condition",
    [
        "WITH gone AS (DELETE FROM jobs RETURNING id) SELECT count(*) FROM gone",
        "WITH new AS (INSERT INTO queue_jobs (handler) VALUES ('forged') RETURNING id) SELECT 1 FROM new",
        "SELECT nextval(pg_get_serial_sequence('queue_jobs', 'seq'))",
        "SELECT id FROM jobs FOR UPDATE",
        "SELECT * INTO stolen FROM jobs",
    ],
)
async def test_what_writes_on_postgresql(condition: str, postgres_rig: Rig) -> None:
    rig = postgres_rig
    await rig.add(intervalseconds=60, condition=condition)
    await rig.tick()
    await rig.tick(minutes=1)
    row = await rig.row()
    assert not row["enabled"]
    assert "condition" in row["lasterror"]
    assert await rig.sql("SELECT id FROM queue_jobs") == []


async def test_what_writes_on_sqlite(sqlite_url: str) -> None:
    async with rig_on(sqlite_url) as rig:
        for number, condition in enumerate(
            ("(SELECT load_extension('x'))", "PRAGMA query_only = OFF", "ATTACH '/tmp/other.db' AS other")
        ):
            await rig.add(f"j{number}", intervalseconds=60, condition=condition)
        await rig.tick()
        await rig.tick(minutes=1)
        assert await rig.sql("SELECT id FROM queue_jobs") == []
        assert all([(await rig.row(f"j{number}"))["lasterror"] for number in range(3)])


async def test_a_failing_condition_skips_its_fire(rig: Rig) -> None:
    await rig.add(intervalseconds=60, condition="(SELECT max(ready) FROM not_there_yet) = 1")
    await rig.tick()
    await rig.tick(minutes=1)
    row = await rig.row()
    assert row["enabled"]
    assert "not_there_yet" in row["lasterror"]
    assert (row["executioncount"], row["nextrunat"]) == (0, START + timedelta(minutes=2))
    await rig.sql("CREATE TABLE not_there_yet (ready INTEGER)")
    await rig.sql("INSERT INTO not_there_yet VALUES (1)")
    await rig.tick(minutes=1)
    row = await rig.row()
    assert (row["executioncount"], row["lasterror"]) == (1, None)


ENDLESS = {
    "sqlite": "WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
    "postgresql": "SELECT pg_sleep(120)",
    "mysql": "SELECT SLEEP(120)",
}


async def test_an_endless_condition_holds_up_nobody(rig: Rig) -> None:
    await rig.add("slow", intervalseconds=60, condition=ENDLESS[rig.database.dialect])
    await rig.add("quick", intervalseconds=60, condition="1 = 1")
    await rig.add("plain", intervalseconds=60)
    await rig.tick()
    rig.now += timedelta(minutes=1)
    patient = rig.another(answer_within=100)
    await patient.tick()
    try:
        await rig.until_fired("plain", "quick")  # it gives up long before the condition does
        assert (await rig.row("slow"))["lasterror"] is None
    finally:
        await patient.stop()


async def test_an_endless_condition_is_cut_off(rig: Rig) -> None:
    await rig.add("slow", intervalseconds=60, condition=ENDLESS[rig.database.dialect])
    await rig.tick()
    await rig.tick(minutes=1)
    row = await rig.row("slow")
    assert (row["enabled"], row["executioncount"]) == (True, 0)
    assert "no answer within 2 s" in row["lasterror"]

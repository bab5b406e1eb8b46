"""Rows as people write and change them: good, bad and worse."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.errors import NotFound
from tests.conformance.scheduler.rig import PATIENCE, START, Rig, rig_on

BAD: list[tuple[dict[str, Any], str]] = [
    ({"cronexpression": "0 8 * * *", "intervalseconds": 60}, "both"),
    ({}, "startat"),
    ({"intervalseconds": 0}, "intervalseconds"),
    ({"intervalseconds": -5}, "intervalseconds"),
    ({"cronexpression": "0 8 * * *", "timezone": "Mars/Olympus"}, "time zone"),
    ({"cronexpression": "0 8 * * *", "timezone": ""}, "time zone"),
    ({"cronexpression": ""}, "fields"),
    ({"cronexpression": "60 * * * *"}, "minute"),
    ({"cronexpression": "*/0 * * * *"}, "minute"),
    ({"cronexpression": "0 0 31 2 *"}, "never fires"),
    ({"cronexpression": "0 8 * * *", "misfire": "never"}, "misfire"),
    ({"cronexpression": "0 8 * * *", "overlap": "maybe"}, "overlap"),
    ({"cronexpression": "0 8 * * *", "jitter": -1.0}, "jitter"),
    ({"cronexpression": "0 8 * * *", "timeout": 0.0}, "timeout"),
    ({"cronexpression": "0 8 * * *", "maxretries": -1}, "maxretries"),
    ({"cronexpression": "0 8 * * *", "maxexecutions": -1}, "maxexecutions"),
    ({"startat": datetime(9999, 12, 31, tzinfo=UTC)}, "startat"),
    ({"intervalseconds": 60, "startat": START, "endat": START - timedelta(seconds=1)}, "endat"),
    ({"intervalseconds": 60, "startat": datetime(9999, 1, 1, tzinfo=UTC)}, "startat"),
    ({"cronexpression": "0 8 * * *", "startat": datetime(9999, 1, 1, tzinfo=UTC)}, "startat"),
]


@pytest.mark.parametrize(("columns", "word"), BAD)
async def test_a_bad_row_is_disabled_with_its_error_in_view(columns: dict[str, Any], word: str, rig: Rig) -> None:
    await rig.add("bad", **columns)
    await rig.add("good", intervalseconds=60)
    await rig.tick()
    row = await rig.row("bad")
    assert not row["enabled"]
    assert word in row["lasterror"]
    assert row["nextrunat"] is None
    await rig.tick(minutes=1)
    assert (len(await rig.fires("bad")), len(await rig.fires("good"))) == (0, 1)
    # Put right and enabled again, it fires.
    await rig.sql("UPDATE jobs SET cronexpression = NULL, startat = NULL, endat = NULL WHERE id = 'bad'")
    await rig.change(
        "bad", enabled=True, intervalseconds=60, timezone="UTC", misfire="once", overlap="allow", jitter=0.0,
        timeout=300.0, maxretries=3, maxexecutions=0,
    )  # fmt: skip
    await rig.tick()
    await rig.tick(minutes=1)
    assert len(await rig.fires("bad")) == 1
    assert (await rig.row("bad"))["lasterror"] is None


@pytest.mark.postgres
@pytest.mark.parametrize("moment", ["infinity", "-infinity", "20000-01-01", "4000-01-01 BC"])
async def test_times_out_of_reach(moment: str, postgres_rig: Rig) -> None:
    rig = postgres_rig
    await rig.sql(
        f"INSERT INTO jobs (id, name, handler, cronexpression, startat) VALUES ('a', 'a', 'h', '* * * * *', '{moment}')"
    )
    await rig.sql(
        f"INSERT INTO jobs (id, name, handler, cronexpression, endat) VALUES ('b', 'b', 'h', '* * * * *', '{moment}')"
    )
    await rig.add("good", intervalseconds=60)
    await rig.tick()
    await rig.sql(f"UPDATE jobs SET nextrunat = '{moment}' WHERE id = 'good'")
    await rig.add("better", intervalseconds=60)
    await rig.tick()
    await rig.tick(minutes=1)
    assert len(await rig.fires("better")) == 1


async def test_a_time_that_sqlite_takes_for_one(sqlite_url: str) -> None:
    async with rig_on(sqlite_url) as rig:
        await rig.sql("INSERT INTO jobs (id, name, handler, startat) VALUES ('bad', 'bad', 'h', '-4000-01-01')")
        await rig.sql("INSERT INTO jobs (id, name, handler, startat) VALUES ('new', 'new', 'h', '2026-03-01 12:30:00')")
        await rig.tick()
        (bad,) = await rig.sql("SELECT enabled, lasterror FROM jobs WHERE id = 'bad'")
        assert not bad["enabled"]
        assert "startat" in bad["lasterror"]
        assert await rig.next("new") == START + timedelta(minutes=30)


async def test_a_job_that_the_database_refuses_stops_no_other(rig: Rig) -> None:
    await rig.add("full", intervalseconds=60, executioncount=2**31 - 1)
    for number in range(5):
        await rig.add(f"good{number}", intervalseconds=60)
    await rig.tick()
    await rig.tick(minutes=1)
    assert [len(await rig.fires(f"good{number}")) for number in range(5)] == [1] * 5
    if not rig.sqlite:  # where a number ends
        assert "refuses" in (await rig.row("full"))["lasterror"]


async def test_a_row_that_cannot_be_read_any_more_when_it_is_due(rig: Rig) -> None:
    for name in ("bad", "good"):
        await rig.add(name, intervalseconds=60)
    await rig.tick()
    await rig.change("bad", timezone="Mars/Olympus")
    await rig.sql("UPDATE job_plans SET planned = revision")  # as after an update that took the zone away
    await rig.tick(minutes=1)
    bad = await rig.row("bad")
    assert (bad["enabled"], bad["nextrunat"]) == (False, None)
    assert "Mars/Olympus" in bad["lasterror"]
    assert (len(await rig.fires("bad")), len(await rig.fires("good"))) == (0, 1)


async def test_edits_by_sql_are_seen(rig: Rig) -> None:
    await rig.add(cronexpression="0 8 * * *")
    await rig.tick()
    await rig.change(cronexpression="0 13 * * *")
    await rig.tick()
    assert await rig.next() == START + timedelta(hours=1)
    await rig.change(timezone="Asia/Tokyo", cronexpression="30 21 * * *")
    await rig.tick()
    assert await rig.next() == START + timedelta(minutes=30)
    await rig.sql("UPDATE jobs SET cronexpression = NULL, intervalseconds = 90")
    await rig.tick()
    assert await rig.next() == START + timedelta(seconds=90)
    await rig.sql("DELETE FROM jobs")
    await rig.tick(hours=1)
    assert await rig.fires() == []
    assert await rig.sql("SELECT jobid FROM job_plans") == []


async def test_an_edit_of_something_else_does_not_put_an_interval_off(rig: Rig) -> None:
    await rig.add(intervalseconds=600)
    await rig.tick()
    for number in range(9):
        await rig.tick(minutes=1)
        await rig.change(maxretries=number)
        await rig.tick()
    assert await rig.next() == START + timedelta(minutes=10)


async def test_what_does_not_say_when_is_no_change(rig: Rig) -> None:
    await rig.add(intervalseconds=600)
    await rig.tick()
    await rig.change(payload="{}", description="new", priority=3, intervalseconds=600)
    assert await rig.sql("SELECT jobid FROM job_plans WHERE planned <> revision") == []
    await rig.tick(minutes=10)
    assert [fire["payload"] for fire in await rig.fires()] == ["{}"]


async def test_a_row_that_is_made_again(rig: Rig) -> None:
    for _ in range(2):
        await rig.add(intervalseconds=60)
        await rig.tick()
        await rig.tick(minutes=1)
        await rig.sql("DELETE FROM jobs")
    assert len(await rig.fires()) == 2


async def test_a_time_moved_forward_by_hand_fires_at_once(rig: Rig) -> None:
    await rig.add(cronexpression="0 8 * * *")
    await rig.tick()
    await rig.change(nextrunat=START)
    await rig.tick()
    assert await rig.times() == ["03-01 12:00"]
    assert await rig.next() == START + timedelta(hours=20)


async def test_a_next_time_taken_away_by_hand_is_planned_anew(rig: Rig) -> None:
    """The schedule stopped without a word; a row made without a next time is given one too."""
    await rig.add(intervalseconds=600)
    await rig.add("over", intervalseconds=600, maxexecutions=1)
    await rig.add("late", intervalseconds=600, endat=START + timedelta(minutes=15))
    await rig.add("off", intervalseconds=600)
    await rig.tick()
    await rig.change("off", enabled=False)
    await rig.tick(minutes=10)
    await rig.sql("UPDATE jobs SET lasterror = 'of its run' WHERE id = 'late'")
    await rig.change(nextrunat=None)
    await rig.tick(minutes=11)
    assert await rig.next() is None  # looked for once in a check interval
    await rig.do_all(rig.another())
    assert await rig.next() == START + timedelta(minutes=30)
    assert [await rig.next(each) for each in ("over", "late", "off")] == [None] * 3
    assert (await rig.row("late"))["lasterror"] == "of its run"
    await rig.tick(minutes=10)
    assert await rig.times() == ["03-01 12:10", "03-01 12:30"]


async def test_a_next_time_taken_away_is_missed_within_the_check_interval(rig: Rig) -> None:
    await rig.add(intervalseconds=3600)
    scheduler = rig.another(real_time=True, check_interval=0.1)
    await scheduler.start()
    try:
        async with asyncio.timeout(PATIENCE):
            for _ in range(2):
                await rig.change(nextrunat=None)
                while True:
                    if await rig.next() is not None:
                        break
                    await asyncio.sleep(0.02)
    finally:
        await scheduler.stop()


async def test_long_ids(rig: Rig) -> None:
    ids = ["x" * 254 + "1", "x" * 254 + "2"]
    for each in ids:
        await rig.add(each, intervalseconds=60, overlap="queue")
    await rig.tick()
    await rig.tick(minutes=1)
    rows = await rig.sql("SELECT source FROM queue_jobs")
    assert len({row["source"] for row in rows}) == 2


async def test_who_asks_for_a_schedule_that_is_not_there(rig: Rig) -> None:
    with pytest.raises(NotFound):
        await rig.scheduler.upcoming("nobody")

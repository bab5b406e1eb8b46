"""Schedules of the configuration and their rows."""

from datetime import UTC, datetime, timedelta

from hub.scheduler.schedules import Schedule
from tests.conformance.scheduler.rig import START, Rig

DAILY = Schedule(handler="reports.daily", cronexpression="0 8 * * *", timezone="Europe/Paris", payload='{"a": 1}')


async def test_they_become_rows_and_fire(rig: Rig) -> None:
    await rig.scheduler.follow(
        {"daily": DAILY, "often": Schedule(handler="h", intervalseconds=60, metadata='{"b": 2}')}
    )
    await rig.tick()
    (daily,) = await rig.sql("SELECT * FROM jobs WHERE name = 'daily'")
    assert (daily["owner"], daily["handler"], daily["payload"]) == ("config", "reports.daily", '{"a": 1}')
    assert await rig.next(daily["id"]) == datetime(2026, 3, 2, 7, tzinfo=UTC)
    await rig.tick(minutes=1)
    assert [row["handler"] for row in await rig.sql("SELECT handler FROM queue_jobs")] == ["h"]


async def test_what_did_not_change_is_not_written(rig: Rig) -> None:
    await rig.scheduler.follow({"daily": DAILY})
    await rig.tick()
    for _ in range(2):
        await rig.scheduler.follow({"daily": DAILY})
    (row,) = await rig.sql("SELECT rowversionstamp FROM jobs")
    assert row["rowversionstamp"] == 1
    assert await rig.sql("SELECT jobid FROM job_plans WHERE planned <> revision") == []


async def test_a_reload_overwrites_edits_and_disables_what_was_removed(rig: Rig) -> None:
    await rig.scheduler.follow({"daily": DAILY, "gone": DAILY})
    await rig.tick()
    await rig.sql(
        "UPDATE jobs SET cronexpression = '* * * * *', enabled = FALSE, is_deleted = TRUE WHERE name = 'daily'"
    )
    await rig.scheduler.follow({"daily": DAILY})
    await rig.tick()
    rows = {row["name"]: row for row in await rig.sql("SELECT * FROM jobs")}
    assert rows["daily"]["cronexpression"] == "0 8 * * *"
    assert rows["daily"]["enabled"]
    assert rows["daily"]["status"] == "active"
    assert not rows["gone"]["enabled"]
    await rig.scheduler.follow({"daily": DAILY, "gone": DAILY})
    await rig.tick()
    (gone,) = await rig.sql("SELECT id, enabled FROM jobs WHERE name = 'gone'")
    assert gone["enabled"]
    assert await rig.next(gone["id"]) == datetime(2026, 3, 2, 7, tzinfo=UTC)


async def test_rows_of_others_are_left_alone(rig: Rig) -> None:
    await rig.add("daily", intervalseconds=60)
    await rig.add("other", intervalseconds=60)
    await rig.scheduler.follow({"daily": DAILY})
    row = await rig.row("daily")
    assert (row["owner"], row["handler"], row["intervalseconds"]) == (None, "h", 60)
    await rig.scheduler.follow({})
    assert (await rig.row("other"))["enabled"]


async def test_a_bad_one_is_disabled_and_says_why(rig: Rig) -> None:
    await rig.scheduler.follow({"bad": Schedule(handler="h", cronexpression="61 * * * *"), "good": DAILY})
    await rig.tick()
    rows = {row["name"]: row for row in await rig.sql("SELECT * FROM jobs")}
    assert not rows["bad"]["enabled"]
    assert "minute" in rows["bad"]["lasterror"]
    assert rows["good"]["nextrunat"] is not None


async def test_all_that_a_schedule_can_say(rig: Rig) -> None:
    everything = Schedule(
        handler="h", intervalseconds=60, startat=START, endat=START + timedelta(days=1), maxexecutions=5,
        condition="1 = 1", priority=3, maxretries=0, timeout=1.5, metadata="{}", enable_recovery=False, payload="null",
        queue="critical", timezone="Asia/Tokyo", misfire="all", overlap="queue", jitter=2.5, description="d",
    )  # fmt: skip
    await rig.scheduler.follow({"all": everything})
    (row,) = await rig.sql("SELECT id FROM jobs")
    stored = await rig.row(row["id"])
    for name in Schedule.__struct_fields__:
        if name not in ("metadata", "enabled", "enable_recovery"):
            assert stored[name] == getattr(everything, name), name
    assert not stored["enable_recovery"]

"""Looking at schedules, pausing, resuming and running them by hand."""

from datetime import timedelta

import pytest

from hub.clock import SystemClock
from hub.errors import NotFound
from hub.scheduler.control import Control
from tests.conformance.scheduler.rig import START, Rig


@pytest.fixture
def control(rig: Rig) -> Control:
    return Control(rig.database, SystemClock())


async def test_listed_by_name_page_by_page(rig: Rig, control: Control) -> None:
    for name in ("c", "a", "b"):
        await rig.add(name, intervalseconds=60)
    await rig.add("d", intervalseconds=60, is_deleted=True)
    await rig.tick()
    assert [row["name"] for row in await control.page()] == ["a", "b", "c"]
    (second,) = await control.page("a", 1)
    assert (second["name"], second["status"], second["nextrunat"]) == ("b", "active", START + timedelta(seconds=60))


async def test_paused_and_resumed_by_name_or_id(rig: Rig, control: Control) -> None:
    await rig.sql("INSERT INTO jobs (id, name, handler, intervalseconds) VALUES ('j', 'daily', 'h', 60)")
    await rig.tick()
    assert await control.pause("daily", actor="somebody") == "j"
    await rig.tick(hours=1)
    assert await rig.fires() == []
    assert (await rig.row())["status"] == "paused"
    assert await control.resume("j", actor="somebody") == "j"
    await rig.tick()
    await rig.tick(minutes=1)
    assert len(await rig.fires()) == 1
    assert (await rig.row())["modifiedby"] == "somebody"


async def test_run_by_hand(rig: Rig, control: Control) -> None:
    await rig.add(cronexpression="0 8 * * *", queue="critical", payload='{"a": 1}', enabled=False)
    await rig.tick()
    job_id, queue = await control.run("j", actor="somebody")
    (job,) = await rig.sql("SELECT * FROM queue_jobs")
    assert (job["id"], job["queue"], job["payload"], job["typeid"]) == (job_id, queue, '{"a": 1}', 1)
    assert job["createdby"] == "somebody"
    assert (await rig.row())["executioncount"] == 0


async def test_who_is_not_there(rig: Rig, control: Control) -> None:
    await rig.add("gone", intervalseconds=60, is_deleted=True)
    for name in ("nobody", "gone"):
        with pytest.raises(NotFound):
            await control.pause(name, actor="a")
        with pytest.raises(NotFound):
            await control.run(name, actor="a")

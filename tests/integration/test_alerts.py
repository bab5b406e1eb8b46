"""Alerts: told after they have held long enough, at most once in a while, by one instance, and resolved."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from hub import Hub
from hub.adapters.memory import MemoryAdapter
from hub.alerts import Alerts
from hub.config import build
from hub.config.sections.plans import Alert
from hub.db.migrator import migrate
from hub.errors import Permanent
from hub.handlers.mark import handler
from hub.testing import FakeClock
from tests.conformance.store.rig import Rig, rig_on


@pytest.fixture(params=["sqlite_url", "postgres_url", "mariadb_url"])
async def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    await migrate(found)
    return found


def alerts(**sections: Any) -> Mapping[str, Alert]:
    return build({"destinations": {"ops": {"url": "https://ops.example"}}, "alerts": sections}, {}).alerts


class Watch:
    """Instances that watch a database, with one clock."""

    def __init__(self, rig: Rig, watched: Mapping[str, Alert]) -> None:
        self.rig = rig
        self.clock = FakeClock()
        self.watched = watched
        self.adapters: list[dict[str, Any]] = []

    def instance(self, name: str = "one") -> Alerts:
        async def enqueue(job: Any) -> None:
            await self.rig.store.enqueue([job])

        return Alerts(
            lambda: self.watched, self.rig.records, lambda: self.adapters, enqueue, self.rig.database, name, self.clock
        )

    async def said(self) -> list[tuple[str, str, float]]:
        rows = await self.rig.sql("SELECT payload FROM queue_jobs WHERE handler = 'publish' ORDER BY seq")
        found = [msgspec.json.decode(row["payload"]) for row in rows]
        return [(one["alert"], one["status"], one["value"]) for one in found]


async def test_it_is_told_once_it_has_held_and_again_after_repeat_and_resolved(url: str) -> None:
    async with rig_on(url) as rig:
        deep = {"metric": "queue_depth", "queue": "default", "above": 2, "for": 60, "repeat": 600, "to": "ops"}
        watch = Watch(rig, alerts(deep=deep))
        one = watch.instance()
        await one.look()
        await rig.add(*(rig.new() for _ in range(3)))
        await one.look()
        assert await watch.said() == []
        watch.clock.advance(61)
        await one.look()
        await one.look()
        assert await watch.said() == [("deep", "firing", 3.0)]
        watch.clock.advance(599)
        await one.look()
        assert len(await watch.said()) == 1
        watch.clock.advance(1)
        await one.look()
        assert len(await watch.said()) == 2
        await rig.sql("UPDATE queue_jobs SET statusid = 3 WHERE handler = 'h'")
        await one.look()
        await one.look()
        assert (await watch.said())[2:] == [("deep", "resolved", 0.0)]


async def test_one_instance_tells_and_who_takes_over_does_not_repeat_it(url: str) -> None:
    async with rig_on(url) as rig:
        watch = Watch(rig, alerts(dead={"metric": "dead_letters", "repeat": 86400, "to": "ops"}))
        await rig.dead()
        one, two = watch.instance("one"), watch.instance("two")
        await one.look()
        await two.look()
        assert await watch.said() == [("dead", "firing", 1.0)]
        await one.stop()
        await two.look()
        assert len(await watch.said()) == 1


async def _tell_nobody(job: Any) -> None:
    raise AssertionError("nothing is to be told")


async def test_a_bug_is_in_the_log_and_does_not_end_the_watch(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("hub.alerts.EVERY", 0.01)
    looks, again = 0, asyncio.Event()

    def broken() -> Mapping[str, Alert]:
        nonlocal looks
        looks += 1
        if looks == 2:
            again.set()
        raise KeyError("a bug")

    await migrate(sqlite_url)
    async with rig_on(sqlite_url) as rig:
        watch = Alerts(broken, rig.records, list, _tell_nobody, rig.database, "one", FakeClock())
        watch.start()
        try:
            async with asyncio.timeout(10):
                await again.wait()
        finally:
            await watch.stop()
    assert "alerts could not be looked at" in caplog.text


async def test_each_metric_is_measured(url: str) -> None:
    async with rig_on(url) as rig:
        await rig.dead()
        await rig.add(rig.new(queue="slow"))
        await rig.age(1)
        watch = Watch(
            rig,
            alerts(
                age={"metric": "queue_age", "queue": "slow", "above": 0, "to": "ops"},
                elsewhere={"metric": "queue_depth", "queue": "critical", "to": "ops"},
                dead={"metric": "dead_letters", "handler": "h", "to": "ops"},
                others={"metric": "dead_letters", "handler": "nobody", "to": "ops"},
                rate={"metric": "failure_rate", "above": 0.5, "to": "ops"},
                down={"metric": "adapter_down", "to": "ops"},
            ),
        )
        watch.adapters = [{"name": "erp", "state": "connecting"}, {"name": "mes", "state": "connected"}]
        await watch.instance().look()
        said = {name: value for name, _, value in await watch.said()}
        assert set(said) == {"age", "dead", "rate", "down"}
        assert (said["dead"], said["rate"], said["down"]) == (1.0, 1.0, 1.0)


async def test_a_running_hub_tells_an_adapter(sqlite_url: str) -> None:
    @handler("broken")
    async def broken() -> None:
        raise Permanent("no")

    document = {
        "database": {"url": sqlite_url},
        "http": {"port": 0},
        "jobs": {"enabled": True, "workers": 2, "poll_interval": 0.1},
        "adapters": {"ops": {"type": "memory"}},
        "alerts": {"dead": {"metric": "dead_letters", "to": "ops", "topic": "alarm"}},
    }
    async with Hub(build(document, {}), handlers=[broken]) as hub:
        adapter = hub.adapters["ops"]
        assert isinstance(adapter, MemoryAdapter)
        await hub.enqueue("broken")
        async with asyncio.timeout(20):
            [message] = await adapter.received(1)
        said = msgspec.json.decode(message.body)
        assert (message.topic, said["alert"], said["status"], said["value"]) == ("alarm", "dead", "firing", 1)

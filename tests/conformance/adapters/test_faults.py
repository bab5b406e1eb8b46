"""What an adapter and its core survive: each message that the broker had acknowledged still makes exactly one row."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from hub.db.migrator import migrate
from hub.errors import Transient
from hub.ports import Delivery, Source
from tests.conformance.adapters.broker import Broker
from tests.conformance.adapters.rig import NAME, document, eventually, numbered, route, running
from tests.conformance.adapters.test_in import acknowledged
from tests.servers import Proxy

ROOT = Path(__file__).resolve().parents[3]


def once(broker: Broker) -> dict[str, Any]:
    """What a route needs for exactly one row: nothing if the broker's position is kept with the rows."""
    return {} if broker.features.cursor else {"dedupe_key": "payload.n"}


async def test_an_acknowledgement_that_is_lost_makes_no_second_row(
    sqlite_url: str, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not broker.features.redelivery:
        pytest.skip("it brings nothing again")
    topic = await broker.topic()
    async with running(sqlite_url, broker, [route(topic, **once(broker))]) as bench:
        adapter: Source = bench.hub.adapters[NAME]  # type: ignore[assignment]  # it is one
        acknowledge, lost = adapter.acknowledge, 0

        async def lose_one(delivery: Delivery) -> None:
            nonlocal lost
            if lost == 0:
                lost += 1
                raise Transient("the connection broke before the acknowledgement")
            await acknowledge(delivery)

        monkeypatch.setattr(adapter, "acknowledge", lose_one)
        await bench.connected(topic)
        for n in range(10):
            await broker.produce(topic, numbered(n))
        await eventually(lambda: lost == 1 and bench.state.reconnects == 1, lambda: str(bench.state.view()))
        await broker.produce(topic, numbered(10))
        await bench.has(range(11))
        assert "before the acknowledgement" in (bench.state.last_error or "")
        await acknowledged(broker, topic)
        await bench.has(range(11))


async def test_a_hub_killed_between_commit_and_acknowledgement(sqlite_url: str, broker: Broker, tmp_path: Path) -> None:
    if not broker.features.redelivery or broker.type == "memory":
        pytest.skip("it brings nothing again, or dies with the hub")
    topic = await broker.topic()
    routes = [route(topic, **once(broker))]
    async with running(sqlite_url, broker, routes) as bench:
        await bench.connected(topic)  # a broker keeps messages from the first subscription on
    file = tmp_path / "configuration.json"
    file.write_text(json.dumps(document(broker, routes)))
    program = (sys.executable, "-m", "tests.conformance.adapters.victim", str(file), NAME)
    environment = {**os.environ, "DATABASE_URL": sqlite_url}
    victim = await asyncio.create_subprocess_exec(*program, cwd=ROOT, env=environment)
    try:
        for n in range(20):
            await broker.produce(topic, numbered(n))
        async with asyncio.timeout(60):
            assert await victim.wait() == -signal.SIGKILL
    finally:
        if victim.returncode is None:
            victim.kill()
            await victim.wait()
    async with running(sqlite_url, broker, routes) as bench:
        assert await bench.numbers(), "the victim committed something before it died"
        await bench.has(range(20))
        await acknowledged(broker, topic)
        await bench.has(range(20))


async def test_a_broker_that_restarts_under_load(sqlite_url: str, broker: Broker) -> None:
    topic = await broker.topic()
    async with running(sqlite_url, broker, [route(topic, **once(broker))]) as bench:
        await bench.connected(topic)
        falls = [broker.stop] if broker.loses_on_kill else [broker.stop, broker.kill9]
        for number, fall in enumerate(falls):
            first = number * 100
            for n in range(first, first + 50):
                await broker.produce(topic, numbered(n))
            await asyncio.to_thread(fall)
            await eventually(lambda: bench.state.state == "connecting", lambda: str(bench.state.view()))
            assert bench.state.last_error
            await asyncio.to_thread(broker.start)
            await bench.connected(topic)
            for n in range(first + 50, first + 100):
                await broker.produce(topic, numbered(n))
        await bench.has(range(100 * len(falls)))
        assert bench.state.reconnects >= len(falls)
        await acknowledged(broker, topic)


async def test_a_broker_that_is_down_at_the_start_keeps_nobody_waiting(sqlite_url: str, broker: Broker) -> None:
    topic = await broker.topic()
    await asyncio.to_thread(broker.stop)
    async with running(sqlite_url, broker, [route(topic)]) as bench:
        job = await bench.enqueue("note", {"n": 0})
        assert (await bench.wait(job))["status"] == "completed"
        await eventually(lambda: bench.state.last_error is not None, lambda: str(bench.state.view()))
        assert bench.state.state == "connecting"
        await asyncio.to_thread(broker.start)
        await bench.connected(topic)
        await broker.produce(topic, numbered(1))
        await bench.has([1])


async def test_a_hub_that_stops_in_the_middle_takes_the_rest_when_it_is_back(sqlite_url: str, broker: Broker) -> None:
    topic = await broker.topic()
    routes = [route(topic, **once(broker))]
    async with running(sqlite_url, broker, routes) as bench:
        await bench.connected(topic)
        for n in range(150):
            await broker.produce(topic, numbered(n))
    if not broker.features.redelivery:
        pytest.skip("what it had not taken it cannot take later")
    async with running(sqlite_url, broker, routes) as bench:
        await bench.has(range(150))
        await acknowledged(broker, topic)


@pytest.mark.postgres
async def test_a_database_that_is_away_or_slow_loses_nothing(
    postgres_url: str, postgres_proxy: Proxy, broker: Broker
) -> None:
    await migrate(postgres_url)
    topic = await broker.topic()
    async with running(postgres_proxy.url_through(postgres_url), broker, [route(topic, **once(broker))]) as bench:
        await bench.connected(topic)
        for n in range(50):
            await broker.produce(topic, numbered(n))
        postgres_proxy.refuse()
        postgres_proxy.cut()
        for n in range(50, 100):
            await broker.produce(topic, numbered(n))
        await eventually(lambda: bench.state.state == "paused", lambda: str(bench.state.view()))
        assert bench.state.in_flight > 0
        postgres_proxy.accept()
        await bench.has(range(100))
        postgres_proxy.stall()
        for n in range(100, 150):
            await broker.produce(topic, numbered(n))
        postgres_proxy.resume()
        await bench.has(range(150))
        assert bench.state.state == "connected"
        await acknowledged(broker, topic)


async def test_of_two_instances_only_one_reads_where_only_one_may(postgres_url: str, broker: Broker) -> None:
    if not broker.features.exclusive:
        pytest.skip("any number may be connected")
    await migrate(postgres_url)
    topic = await broker.topic()
    routes = [route(topic, **once(broker))]
    async with running(postgres_url, broker, routes) as first:
        await first.connected(topic)
        async with running(postgres_url, broker, routes) as second:
            await eventually(lambda: second.state.state == "waiting", lambda: str(second.state.view()))
            await broker.produce(topic, numbered(1))
            await first.has([1])
            assert second.state.received == 0
            await first.hub.stop()
            await second.connected(topic)
            await broker.produce(topic, numbered(2))
            await second.has([1, 2])

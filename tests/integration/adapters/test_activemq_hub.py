"""A whole hub before ActiveMQ: acknowledged after the commit, nothing lost or doubled over crashes of either."""

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.model import Outgoing
from hub.ports import Sink
from tests.conformance.adapters.activemq import ActiveMq
from tests.conformance.adapters.rig import NAME, Bench, document, eventually, numbered, route, running
from tests.integration.adapters.activemq_adapters import fresh, left_in, peer
from tests.integration.cli_project import CliProject
from tests.servers import ActiveMqService

pytestmark = pytest.mark.activemq
ONCE = {"dedupe_key": "payload.n"}


@pytest.fixture
async def broker(activemq: ActiveMqService) -> AsyncIterator[ActiveMq]:
    made = ActiveMq(activemq)
    yield made
    await made.close()


async def test_a_message_is_acknowledged_only_after_its_row_is_committed(
    activemq: ActiveMqService, broker: ActiveMq, sqlite_url: str
) -> None:
    queue = fresh()
    async with running(sqlite_url, broker, [route(queue)]) as bench, peer(activemq) as eye:
        await bench.connected(queue)
        await bench.has([])
        with sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None) as file:
            file.execute("BEGIN IMMEDIATE")  # nobody else can commit now
            await broker.produce(queue, numbered(1))
            await eventually(lambda: bench.state.in_flight == 1)
            until = time.monotonic() + 0.5  # long enough for an acknowledgement to have arrived, had one been sent
            while time.monotonic() < until:
                assert [frame.body for frame in await eye.browse(queue)] == [numbered(1)]
            assert bench.state.received == 0
            file.execute("ROLLBACK")
        await bench.has([1])
        await left_in(eye, queue, 0)
        [row] = await bench.came_in()
        assert (row["protocol"], row["direction"], row["metadata"]["topic"]) == ("activemq", "inbound", queue)


async def test_a_hub_killed_with_messages_in_hand_gets_them_again(
    activemq: ActiveMqService, broker: ActiveMq, sqlite_url: str, tmp_path: Path
) -> None:
    """It holds what it cannot commit; after kill -9 the broker gives it to the next, which says that it is a repeat."""
    queue = fresh()
    routes = [route(queue, handler="system.record", **ONCE)]
    project = CliProject(tmp_path, sqlite_url, **document(broker, routes))
    project.ok("migrate")
    victim = await project.start("run")
    async with peer(activemq) as eye:
        try:
            await victim.until("state=connected")
            with sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None) as file:
                file.execute("BEGIN IMMEDIATE")
                for n in range(20):
                    await broker.produce(queue, numbered(n))
                # Twenty in its hands: another consumer of the queue gets none of them.
                await nobody_else_gets_any(eye, queue)
                await victim.kill()
                file.execute("ROLLBACK")
        finally:
            await victim.kill()
        assert await left_in(eye, queue, 20) == [numbered(n) for n in range(20)]
        async with running(sqlite_url, broker, routes) as bench:
            await bench.has(range(20))
            assert {row["metadata"]["headers"]["redelivered"] for row in await bench.came_in()} == {"true"}
            await left_in(eye, queue, 0)


async def nobody_else_gets_any(eye: Any, queue: str) -> None:
    async with asyncio.timeout(20):
        while True:
            id = await eye.subscribe(queue, ack="client-individual")
            try:
                await eye.receive(0.3)
            except TimeoutError:
                return
            finally:
                await eye.unsubscribe(id)


async def test_a_durable_topic_keeps_messages_over_a_hubs_absence(activemq: ActiveMqService, sqlite_url: str) -> None:
    topic = fresh("topic")
    durable = ActiveMq(activemq, client_id=topic.rpartition("/")[2])
    routes = [route(topic, **ONCE)]
    async with running(sqlite_url, durable, routes) as bench:
        await bench.connected(topic)
        await durable.produce(topic, numbered(1))
        await bench.has([1])
    for n in range(2, 30):
        await durable.produce(topic, numbered(n))
    async with running(sqlite_url, durable, routes) as bench:
        await bench.has(range(1, 30))
    await durable.close()


@pytest.mark.slow
async def test_a_broker_killed_under_load_loses_none_of_two_thousand_and_doubles_none(
    own_activemq: ActiveMqService, sqlite_url: str
) -> None:
    """What the broker had given its receipt for is exactly what has rows, once each, over three kills."""
    count, queue = 2_000, fresh()
    broker = ActiveMq(own_activemq, prefetch=50)
    receipted: set[int] = set()
    async with running(sqlite_url, broker, [route(queue, **ONCE)]) as bench:
        await bench.connected(queue)
        sink: Sink = bench.hub.adapters[NAME]  # type: ignore[assignment]  # it is one
        for kill in range(4):
            share = range(kill * count // 4, (kill + 1) * count // 4)
            load = asyncio.create_task(send_all(sink, queue, share, receipted))
            if kill < 3:
                before = len(receipted)
                await eventually(lambda wanted=before + 200: len(receipted) >= wanted)
                await asyncio.to_thread(own_activemq.kill9)
                await asyncio.to_thread(own_activemq.start)
            await load
        assert len(receipted) == count
        await bench.has(range(count))
        await eventually(lambda: bench.state.state == "connected")
        assert bench.state.reconnects >= 3
        async with peer(own_activemq) as eye:
            await left_in(eye, queue, 0)
            assert await eye.browse(queue.replace("/queue/", "/queue/DLQ.")) == []
        await bench.has(range(count))
    await broker.close()


async def send_all(sink: Sink, queue: str, numbers: range, receipted: set[int]) -> None:
    """Each until its receipt: what was lost on the way is sent again, and may arrive twice."""

    async def one(n: int) -> None:
        message = Outgoing(id=f"m{n}", to=NAME, topic=queue, body=numbered(n), content_type="application/json")
        while n not in receipted:
            try:
                await sink.send(message)
                receipted.add(n)
            except Exception:
                await asyncio.sleep(0.05)

    some = asyncio.Semaphore(40)

    async def bounded(n: int) -> None:
        async with some:
            await one(n)

    await asyncio.gather(*(bounded(n) for n in numbers))


async def test_a_frozen_broker_is_seen_left_and_found_again(own_activemq: ActiveMqService, sqlite_url: str) -> None:
    queue = fresh()
    broker = ActiveMq(own_activemq, heartbeat=0.5, connect_timeout=1)
    async with running(sqlite_url, broker, [route(queue, **ONCE)]) as bench:
        await bench.connected(queue)
        own_activemq.sigstop()
        await eventually(lambda: bench.state.state == "connecting")
        assert "silent for" in (bench.state.last_error or "")
        own_activemq.sigcont()
        await bench.connected(queue)
        await broker.produce(queue, numbered(1))
        await bench.has([1])
    await broker.close()


async def test_quarantined_with_its_bytes_then_run_once_the_route_is_corrected(
    activemq: ActiveMqService, broker: ActiveMq, sqlite_url: str
) -> None:
    queue = fresh()
    wrong = {"type": "object", "required": ["number"]}
    async with running(sqlite_url, broker, [route(queue, schema=wrong)]) as bench, peer(activemq) as eye:
        await bench.connected(queue)
        await broker.produce(queue, numbered(5), headers={"odd": "a:b\r\nc"})
        await eventually(lambda: bench.state.quarantined == 1)
        await left_in(eye, queue, 0)
        [row] = await bench.came_in()
        assert (row["statusid"], row["failure"], json.loads(row["payload"])) == (4, "quarantined", {"n": 5})
        assert row["metadata"]["headers"]["odd"] == "a:b\r\nc"
    async with running(sqlite_url, broker, [route(queue)]) as bench:
        assert await bench.hub.records.redrive([row["id"]]) == 1
        done = await bench.wait(row["id"])
        assert done["status"] == "completed"
        (child,) = json.loads(done["result"])["jobs"]
        made = await bench.wait(child)
        assert (made["status"], made["result"]) == ("completed", "5")


async def test_a_wrong_password_is_on_view_and_the_rest_of_the_hub_works(
    activemq: ActiveMqService, sqlite_url: str, tmp_path: Path
) -> None:
    secret = tmp_path / "password"
    secret.write_text("wrong")
    broker = ActiveMq(activemq, password=f"${{file:{secret}}}")
    async with running(sqlite_url, broker, [route(fresh())]) as bench:
        await eventually(lambda: bench.state.last_error is not None)
        assert "check username and password" in (bench.state.last_error or "")
        assert bench.state.state == "connecting"
        await works(bench)


async def works(bench: Bench) -> None:
    job = await bench.enqueue("note", {"n": 0})
    assert (await bench.wait(job))["status"] == "completed"

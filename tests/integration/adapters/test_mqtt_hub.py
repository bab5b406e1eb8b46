"""A whole hub before Mosquitto: acknowledged after the commit, nothing lost or doubled, whoever falls."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hub import Hub
from hub.config import build
from tests.conformance.adapters.mqtt import Mqtt
from tests.conformance.adapters.rig import NAME, Bench, document, eventually, note, numbered, route, running
from tests.integration.adapters.alone import fresh
from tests.integration.cli_project import CliProject
from tests.servers import MosquittoService, PostgresDatabases
from tests.servers.mqtt_peer import Peer

pytestmark = pytest.mark.mqtt
ONCE = {"dedupe_key": "payload.n"}
NOTE = """
from hub import handler

@handler("note")
async def note(payload: dict) -> int:
    return payload["n"]
"""


@pytest.fixture
async def broker(mosquitto: MosquittoService) -> AsyncIterator[Mqtt]:
    made = Mqtt(mosquitto, "5")
    yield made
    await made.close()


@pytest.fixture
def peer(mosquitto: MosquittoService) -> Iterator[Peer]:
    with Peer(mosquitto.port) as found:
        yield found


@asynccontextmanager
async def hub_with(url: str, adapter: dict[str, Any], *routes: dict[str, Any]) -> AsyncIterator[Bench]:
    """A hub whose adapter has these settings."""
    sections = {
        "jobs": {"enabled": True, "workers": 8, "poll_interval": "50ms"},
        "http": {"port": 0},
        "adapters": {NAME: {"type": "mqtt", "client_id": fresh("hub"), **adapter}},
        "routes": list(routes),
    }
    async with Hub(build(sections, {"DATABASE_URL": url, "PASSWORD": "new"}), handlers=[note]) as hub:
        yield Bench(hub)


# --- acknowledged after the commit -----------------------------------------------------------------------------------


class Shared(Mqtt):
    """Read by all instances: the next one need not wait until the lease of one that was killed has run out."""

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "share": True}


async def test_a_hub_killed_with_messages_in_hand_gets_them_again(
    mosquitto: MosquittoService, peer: Peer, sqlite_url: str, tmp_path: Path
) -> None:
    topic, broker = fresh("in-hand"), Shared(mosquitto, "5")
    routes = [route(topic)]  # no dedupe key: what was not committed has left no trace
    project = CliProject(tmp_path, sqlite_url, **document(broker, routes))
    project.handlers(NOTE)
    project.ok("migrate")
    victim = await project.start("run")
    try:
        await victim.until("state=connected")
        with sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None) as file:
            file.execute("BEGIN IMMEDIATE")  # nobody else can commit now
            await asyncio.to_thread(peer.publish, topic, *(numbered(n) for n in range(20)))
            await asyncio.sleep(0.5)
            await victim.kill()
            file.execute("ROLLBACK")
    finally:
        await victim.kill()
    async with running(sqlite_url, broker, routes) as bench:
        await bench.has(range(20))
        assert [json.loads(row["payload"])["n"] for row in await bench.came_in()] == list(range(20))


@pytest.mark.slow
async def test_others_see_a_hub_come_vanish_and_leave(
    mosquitto: MosquittoService, broker: Mqtt, peer: Peer, sqlite_url: str, tmp_path: Path
) -> None:
    topic = fresh("presence")
    sections = document(broker, [])
    sections["adapters"][NAME] |= {
        "birth": {"topic": topic, "payload": "here"},
        "will": {"topic": topic, "payload": "gone"},
    }
    project = CliProject(tmp_path, sqlite_url, **sections)
    await asyncio.to_thread(peer.listen, topic)
    for number, leave in enumerate(("terminate", "kill")):
        running_hub = await project.start("run")
        try:
            await running_hub.until("state=connected")
            getattr(running_hub.process, leave)()
            await running_hub.ended()  # killed before its DISCONNECT, the broker would say its good-bye again
            heard = await asyncio.to_thread(peer.wait, 2 * number + 2)
        finally:
            await running_hub.kill()
    assert [one.body for one in heard] == [b"here", b"gone", b"here", b"gone"]


def has_received(bench: Bench, count: int) -> bool:
    return bench.state.received >= count


# --- falls -----------------------------------------------------------------------------------------------------------


async def test_a_broker_restarted_under_load_loses_nothing(own_mosquitto: MosquittoService, sqlite_url: str) -> None:
    broker = Mqtt(own_mosquitto, "5")
    topic = await broker.topic()
    async with running(sqlite_url, broker, [route(f"{topic}/#", **ONCE)]) as bench:
        await bench.connected(f"{topic}/#")
        with Peer(own_mosquitto.port, session=True) as sender:

            def load() -> None:
                for first in range(0, 5000, 250):
                    sender.publish(f"{topic}/{first}", *(numbered(n) for n in range(first, first + 250)))

            loading = asyncio.create_task(asyncio.to_thread(load))
            for received in (500, 1500, 3000):
                await eventually(partial(has_received, bench, received), lambda: str(bench.state.view()))
                await asyncio.to_thread(own_mosquitto.restart)
            await loading
        await bench.has(range(5000))
        assert bench.state.reconnects >= 3
    await broker.close()


@pytest.mark.slow
@pytest.mark.postgres
async def test_two_hubs_share_the_messages_and_one_is_killed(
    postgres: PostgresDatabases, postgres_url: str, mosquitto: MosquittoService, peer: Peer, tmp_path: Path
) -> None:
    topic, name = fresh("shared"), fresh("hub")
    sections = {
        "jobs": {"enabled": True, "workers": 4, "poll_interval": "100ms"},
        "http": {"port": 0},
        "adapters": {NAME: {"type": "mqtt", "url": mosquitto.url, "client_id": name, "share": True}},
        "routes": [route(f"{topic}/+", **ONCE)],
    }
    project = CliProject(tmp_path, postgres_url, **sections)
    project.handlers(NOTE)
    project.ok("migrate")
    database = postgres_url.rpartition("/")[2]

    def rows() -> int:
        counts = "SELECT count(DISTINCT dedupekey), count(*) FROM queue_jobs WHERE direction = 'inbound'"
        found = postgres.fetch(counts, database=database)
        assert found[0][0] == found[0][1]
        return int(found[0][0])

    hubs = [await project.start("run"), await project.start("run")]
    try:
        for one in hubs:
            await one.until("state=connected")
        loading = asyncio.create_task(
            asyncio.to_thread(peer.publish, f"{topic}/a", *(numbered(n) for n in range(2000)))
        )
        await eventually(lambda: rows() >= 300)
        await hubs[0].kill()
        await loading
        # What the dead one had in hand waits in its session: whoever comes into its place on the machine finds it.
        hubs.append(await project.start("run"))
        await eventually(lambda: rows() == 2000, lambda: f"{rows()} rows")
    finally:
        for one in hubs:
            await one.kill()


async def test_a_password_that_is_wrong_is_on_view_until_it_is_right(sqlite_url: str) -> None:
    with MosquittoService(users={"hub": "old"}) as service:
        topic = fresh("late")
        settings = {"url": service.url, "username": "hub", "password": "${env:PASSWORD}"}
        async with hub_with(sqlite_url, settings, route(topic)) as bench:
            await eventually(lambda: "check username and password" in (bench.state.last_error or ""))
            assert (await bench.wait(await bench.enqueue("note", {"n": 0})))["status"] == "completed"
            service.stop()
            service.admit({"hub": "new", "peer": "x"})
            service.start()
            await bench.connected(topic)


# --- what comes in ---------------------------------------------------------------------------------------------------


async def test_wildcards_lead_to_handlers_and_headers_to_rows(
    mosquitto: MosquittoService, peer: Peer, sqlite_url: str
) -> None:
    root = fresh("plant")
    temperature = route(
        f"{root}/+/temperature", name="temperature", map="{n: payload.value, machine: topic_parts[1]}",
        dedupe_key="headers.id",
    )  # fmt: skip
    rest = route(f"{root}/#", name="rest", handler="system.record")
    async with hub_with(sqlite_url, {"url": mosquitto.url}, temperature, rest) as bench:
        await bench.connected(temperature["topic"], rest["topic"])
        for _ in range(2):
            await asyncio.to_thread(
                peer.publish, f"{root}/press/temperature", b'{"value": 70}', UserProperty=("id", "a1")
            )
        await asyncio.to_thread(peer.publish, f"{root}/press/door", b"open", ContentType="text/plain")
        await eventually(lambda: bench.state.received == 3)
        first, second = await bench.came_in()
    assert json.loads(first["payload"]) == {"n": 70, "machine": "press"}
    assert (first["source"], first["dedupekey"], first["metadata"]["headers"]) == ("temperature", "a1", {"id": "a1"})
    assert (second["source"], second["payload"], second["contenttype"]) == ("rest", "open", "text/plain")
    assert (first["protocol"], first["direction"], first["method"]) == ("mqtt", "inbound", "receive")


@pytest.mark.parametrize(
    ("topic", "body", "kept"),
    [
        ("/" + "t" * 60_000, numbered(7), True),
        ("/empty", b"", True),
        ("/bytes", b"\xff\xfe\x00\xc3\x28", True),
        ("/huge", b"x" * 17_000_000, False),
        ("/deep", b"[" * 100_000, True),
    ],
    ids=["long topic", "empty", "not UTF-8", "huge", "deep"],
)
async def test_after_any_message_a_good_one_is_processed(
    own_mosquitto: MosquittoService, sqlite_url: str, topic: str, body: bytes, kept: bool
) -> None:
    async with hub_with(sqlite_url, {"url": own_mosquitto.url}, route("bad/#", **ONCE)) as bench:
        await bench.connected("bad/#")
        with Peer(own_mosquitto.port) as sender:
            await asyncio.to_thread(sender.publish, f"bad{topic}", body)
            await asyncio.to_thread(sender.publish, "bad/good", numbered(1))
        await eventually(lambda: bench.state.received == 2, lambda: str(bench.state.view()))
        rows = await bench.came_in()
        assert len(rows) == 2
        assert rows[0]["metadata"]["topic"].startswith("bad/")
        if kept and rows[0]["statusid"] == 4:
            assert rows[0]["lasterror"]
        [good] = [row for row in rows if row["metadata"]["topic"] == "bad/good"]
        assert (await bench.wait(good["id"]))["status"] == "completed"

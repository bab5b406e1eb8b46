"""Brokers that are down when the hub starts, one of each kind: the rest works, and what is wrong is on view.

That each connects by itself once its broker is there, or takes its password, is in tests/conformance/adapters
(test_faults.py), test_kafka_hub.py and test_mqtt_hub.py.
"""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from hub import Hub
from hub.config import build
from hub.testing import HubHarness
from tests.conformance.adapters.rig import eventually, note
from tests.integration.cli_project import CliProject
from tests.servers import free_port

URLS = {"kafka": "kafka://127.0.0.1:{}", "mqtt": "mqtt://127.0.0.1:{}", "activemq": "stomp://127.0.0.1:{}"}
TOPICS = {"kafka": "orders", "mqtt": "orders/#", "activemq": "/queue/orders"}


async def test_brokers_that_are_down_stop_nothing_and_say_why(sqlite_url: str, tmp_path: Path) -> None:
    adapters = {kind: {"type": kind, "url": url.format(free_port())} for kind, url in URLS.items()}
    document = {
        "jobs": {"enabled": True, "workers": 4, "poll_interval": "50ms", "enable_metrics": True},
        "http": {"port": 0},
        "adapters": adapters,
        "routes": [
            {"name": f"from-{kind}", "from": kind, "topic": TOPICS[kind], "handler": "note", "dedupe_key": "payload.id"}
            for kind in URLS
        ],
    }
    async with Hub(build(document, {"DATABASE_URL": sqlite_url}), handlers=[note]) as hub:
        bench, states = HubHarness(hub), hub.supervisor.states
        job = await bench.enqueue("note", {"n": 3})
        assert (await bench.wait(job))["result"] == "3"
        await eventually(lambda: all(state.last_error for state in states.values()))
        async with aiohttp.ClientSession(bench.url) as session:
            async with session.get("/api/adapters") as answer:
                listed = {one["name"]: one for one in (await answer.json())["data"]}
            async with session.get("/metrics") as answer:
                metrics = await answer.text()
        project = CliProject(tmp_path, sqlite_url, http={"port": int(bench.url.rpartition(":")[2])})
        status = await asyncio.to_thread(project.ok, "status")
        for kind in URLS:
            assert listed[kind]["state"] == "connecting"
            assert "nobody listens" in listed[kind]["last_error"]
            assert f'hub_adapter_up{{adapter="{kind}"}} 0' in metrics
            assert adapters[kind]["url"].partition("//")[2] in status


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Whoever dials it hears nothing, as behind a firewall that drops packets: the listener's backlog is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port: int = listener.getsockname()[1]
        dialled = [socket.socket() for _ in range(4)]
        for each in dialled:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        yield port
        for each in dialled:
            each.close()


@pytest.mark.parametrize("kind", ["mqtt", "activemq"])
def test_the_end_does_not_wait_for_a_broker_that_is_dialled_in_a_thread(
    kind: str, silent_port: int, sqlite_url: str
) -> None:
    adapters = {kind: {"type": kind, "url": URLS[kind].format(silent_port)}}
    routes = [{"name": "in", "from": kind, "topic": TOPICS[kind], "handler": "note"}]
    before = set(threading.enumerate())

    def dialling() -> list[str]:
        return [thread.name for thread in set(threading.enumerate()) - before if thread.name.endswith("-dial")]

    async def live() -> None:
        document = {"http": {"port": 0}, "adapters": adapters, "routes": routes}
        async with Hub(build(document, {"DATABASE_URL": sqlite_url}), handlers=[note]):
            await eventually(lambda: dialling() != [])

    asyncio.run(live())
    assert dialling(), "the dial was waited for"

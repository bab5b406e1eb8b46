"""Brokers that are down when the hub starts, one of each kind: the rest works, and what is wrong is on view.

That each connects by itself once its broker is there, or takes its password, is in tests/conformance/adapters
(test_faults.py), test_kafka_hub.py and test_mqtt_hub.py.
"""

import asyncio
from pathlib import Path

import aiohttp

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

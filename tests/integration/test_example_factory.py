"""examples/factory.json as it stands: telemetry in, rows, and an alarm out."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conformance.adapters.rig import eventually
from tests.integration.cli_project import ROOT, CliProject, Running
from tests.servers import MosquittoService
from tests.servers.mqtt_peer import Peer

pytestmark = pytest.mark.mqtt


@pytest.fixture
async def factory(own_mosquitto: MosquittoService, tmp_path: Path, sqlite_url: str) -> AsyncIterator[Running]:
    """`hub run` on the example, connected; the database and the port are this test's."""
    project = CliProject(tmp_path, sqlite_url)
    project.ok("migrate")
    with closing(sqlite3.connect(database_of(sqlite_url))) as database:
        database.executescript((ROOT / "examples" / "factory.sql").read_text())
    shutil.copy(ROOT / "examples" / "factory.json", project.file)
    urls = {"PLANT_URL": own_mosquitto.url, "CONTROL_URL": own_mosquitto.url}
    running = await project.start("run", DATABASE_URL=sqlite_url, PORT="0", **urls)
    try:
        await running.until("state=connected")
        await running.until("state=connected")
        yield running
    finally:
        await running.kill()


def database_of(url: str) -> str:
    return url.removeprefix("sqlite:///")


def reading(number: int, celsius: float) -> bytes:
    return json.dumps({"id": f"r{number}", "celsius": celsius, "at": f"2024-01-01T08:00:{number:02}Z"}).encode()


async def test_telemetry_becomes_rows_and_alarms(
    factory: Running, own_mosquitto: MosquittoService, sqlite_url: str
) -> None:
    temperatures = [60.0, 81.0, 85.0, 75.0, 69.0, 68.0, 90.0]
    with Peer(own_mosquitto.port) as peer:
        await asyncio.to_thread(peer.listen, "alarms/#")
        for number, celsius in enumerate(temperatures):
            for _ in range(2):  # the machine repeats itself
                await asyncio.to_thread(peer.publish, "plant/press7/temperature", reading(number, celsius))
            await asyncio.to_thread(peer.publish, "plant/press8/temperature", reading(number + 50, 50.0))
        heard = [json.loads(one.body) for one in await asyncio.to_thread(peer.wait, 3)]
        assert heard == [
            {"machine": "press7", "celsius": celsius, "alarm": alarm}
            for celsius, alarm in ((81.0, "on"), (69.0, "off"), (90.0, "on"))
        ]
        assert len({one.headers["hub-message-id"] for one in peer.heard}) == 3
    with Peer(own_mosquitto.port) as late:
        await asyncio.to_thread(late.listen, "alarms/#")
        [kept] = await asyncio.to_thread(late.wait, 1)
        assert (kept.retain, json.loads(kept.body)["celsius"]) == (True, 90.0)
        await asyncio.to_thread(late.listen, "hubs/#")
        assert (await asyncio.to_thread(late.wait, 2))[1].body == b"online"
    with closing(sqlite3.connect(database_of(sqlite_url))) as database:
        await eventually(lambda: count_of(database) == 2 * len(temperatures))
        rows = database.execute("SELECT celsius FROM measurements WHERE machine = 'press7' ORDER BY takenat")
        assert [celsius for (celsius,) in rows] == temperatures


def count_of(database: sqlite3.Connection) -> int:
    return int(database.execute("SELECT count(*) FROM measurements").fetchone()[0])

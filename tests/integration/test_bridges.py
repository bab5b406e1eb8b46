"""examples/bridge_mqtt_kafka.json and bridge_kafka_sql.json as they stand: from one broker to another, and from there
into a table, with no line of Python.
"""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.conformance.adapters.rig import eventually
from tests.integration.adapters.kafka_adapters import Peer as KafkaPeer
from tests.integration.cli_project import ROOT, CliProject, Running
from tests.servers import KafkaService, MosquittoService
from tests.servers.mqtt_peer import Peer as MqttPeer

pytestmark = [pytest.mark.mqtt, pytest.mark.kafka]
TOPIC = "orders.progress"


@asynccontextmanager
async def bridge(example: str, folder: Path, adapters: int, **variables: str) -> AsyncIterator[Path]:
    """`hub run` on an example, connected; answers its database."""
    folder.mkdir()
    database = folder / "hub.db"
    url = f"sqlite:///{database}"
    project = CliProject(folder, url)
    project.ok("migrate")
    tables = ROOT / "examples" / f"{example}.sql"
    if tables.exists():
        with closing(sqlite3.connect(database)) as connection:
            connection.executescript(tables.read_text())
    shutil.copy(ROOT / "examples" / f"{example}.json", project.file)
    running: Running = await project.start("run", DATABASE_URL=url, PORT="0", **variables)
    try:
        for _ in range(adapters):
            await running.until("state=connected")
        yield database
    finally:
        await running.kill()


async def test_from_mqtt_to_kafka_and_from_there_into_a_table(
    own_mosquitto: MosquittoService, own_kafka: KafkaService, tmp_path: Path
) -> None:
    kafka = KafkaPeer(own_kafka)
    await kafka.create(TOPIC)
    await kafka.close()
    plant = {"PLANT_URL": own_mosquitto.url, "OFFICE_URL": own_kafka.url}
    async with (
        bridge("bridge_mqtt_kafka", tmp_path / "plant", 2, **plant),
        bridge("bridge_kafka_sql", tmp_path / "office", 1, OFFICE_URL=own_kafka.url) as database,
    ):
        with MqttPeer(own_mosquitto.port) as machine:
            for number in range(1, 8):
                event = {"id": f"e{number}", "order": "4711", "good": number, "bad": 1}
                scrap = {"id": f"s{number}", "order": "4711", "good": 0, "bad": 9}
                twice = [json.dumps(event).encode()] * 2  # the machine repeats itself
                await asyncio.to_thread(machine.publish, "plant/press7/finished", *twice, json.dumps(scrap).encode())
            last = {"id": "last", "order": "4712", "good": 1, "bad": 0}
            await asyncio.to_thread(machine.publish, "plant/press7/finished", json.dumps(last).encode())
        with closing(sqlite3.connect(database)) as connection:
            sql = "SELECT number, machine, pieces FROM progress ORDER BY rowid"
            await eventually(lambda: ("4712", "press7", 1) in connection.execute(sql).fetchall())
            found = connection.execute(sql).fetchall()
    assert found == [*(("4711", "press7", number) for number in range(1, 8)), ("4712", "press7", 1)]

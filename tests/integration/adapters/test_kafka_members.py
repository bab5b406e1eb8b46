"""Exactly once, without any key in the messages: members that join, leave, are killed, are frozen and wake as zombies.

The oracle: what the broker has acknowledged to the sender has one row each, in a real database, and the group's offset
at the broker is never ahead of the database's.
"""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hub.db.migrator import migrate
from tests.integration.adapters.kafka_adapters import Peer, fresh
from tests.servers import KafkaService

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.slow]
ROOT = Path(__file__).parents[3]
PARTITIONS = 4


class Plant:
    """A topic, a group that reads it into a database, and what was sent."""

    def __init__(self, kafka: KafkaService, url: str, folder: Path) -> None:
        self.peer = Peer(kafka)
        self.url = url
        self.topic, self.group = fresh("line"), fresh("group")
        self.sent = 0
        self.file = folder / "configuration.json"
        adapter = {"type": "kafka", "url": kafka.url, "group": self.group, "session_timeout": "2s", "max_records": 100}
        document = {
            "jobs": {"enabled": False},
            "http": {"port": 0},
            "adapters": {"plant": adapter},
            "routes": [{"name": "line", "from": "plant", "topic": self.topic, "handler": "system.health.check"}],
        }
        self.file.write_text(json.dumps(document))

    @asynccontextmanager
    async def member(self, *words: str) -> AsyncIterator[Process]:
        """A hub that is connected."""
        program = (sys.executable, "-m", "tests.integration.adapters.kafka_member", str(self.file), *words)
        environment = {**os.environ, "DATABASE_URL": self.url}
        process = await asyncio.create_subprocess_exec(*program, cwd=ROOT, env=environment, stdout=PIPE)
        try:
            assert process.stdout is not None
            async with asyncio.timeout(40):
                while b"connected" not in (line := await process.stdout.readline()):
                    assert line, "the member ended"
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def send(self, count: int) -> None:
        bodies = [b"%d" % number for number in range(self.sent, self.sent + count)]
        await self.peer.send(self.topic, *bodies)
        self.sent += count

    @asynccontextmanager
    async def load(self, pause: float = 0.05, count: int = 25) -> AsyncIterator[None]:
        """Send during the block, every batch acknowledged before the next."""
        ended = asyncio.Event()

        async def work() -> None:
            while not ended.is_set():
                await self.send(count)
                await asyncio.sleep(pause)

        task = asyncio.create_task(work())
        try:
            yield
        finally:
            ended.set()
            await task

    async def takes(self) -> None:
        """Until a message has come in since now."""
        connection = await asyncpg.connect(self.url)
        try:
            before = (await self._rows(connection))["total"]
            async with asyncio.timeout(40):
                while (await self._rows(connection))["total"] == before:
                    await connection.execute("SELECT pg_sleep(0.02)")
        finally:
            await connection.close()

    async def settled(self, seconds: float = 60.0) -> None:
        """Until each message has a row; then exactly one, and the broker knows of no more than the database."""
        connection = await asyncpg.connect(self.url)
        try:
            async with asyncio.timeout(seconds):
                while (await self._rows(connection))["different"] < self.sent:
                    await connection.execute("SELECT pg_sleep(0.1)")
            found = await self._rows(connection)
            assert (found["total"], found["different"]) == (self.sent, self.sent), "duplicates"
            assert not await connection.fetchval("SELECT count(*) FROM queue_jobs WHERE statusid = 4")
            places = await connection.fetch("SELECT stream, next FROM adapter_cursors")
            assert sum(row["next"] for row in places) == self.sent
        finally:
            await connection.close()

    async def _rows(self, connection: Any) -> Any:
        return await connection.fetchrow(
            "SELECT count(*) AS total, count(DISTINCT payload) AS different FROM queue_jobs WHERE direction = 'inbound'"
        )

    async def offsets_behind(self) -> None:
        """The group's offsets at the broker are not ahead of the database's."""
        told = await self.peer.committed(self.group, self.topic)
        connection = await asyncpg.connect(self.url)
        try:
            kept = await connection.fetchval("SELECT next FROM adapter_cursors WHERE stream LIKE '%/0'")
        finally:
            await connection.close()
        assert told <= (kept or 0)


@pytest.fixture
async def plant(kafka: KafkaService, postgres_url: str, tmp_path: Path) -> AsyncIterator[Plant]:
    await migrate(postgres_url)
    found = Plant(kafka, postgres_url, tmp_path)
    await found.peer.create(found.topic, partitions=PARTITIONS)
    yield found
    await found.peer.close()


async def test_members_that_join_and_leave_take_each_message_once(plant: Plant) -> None:
    async with plant.member(), plant.load():
        for round in range(5):
            async with plant.member() as guest:
                await asyncio.sleep(2.0)  # this is the fault: members come and go every two seconds
                await plant.offsets_behind()
                guest.send_signal(signal.SIGTERM if round % 2 == 0 else signal.SIGKILL)
                await guest.wait()
            await asyncio.sleep(1.0)
    async with plant.member():
        await plant.settled()
    await plant.offsets_behind()


async def test_a_zombie_that_wakes_adds_nothing(plant: Plant) -> None:
    async with AsyncExitStack() as stack:
        zombie = await stack.enter_async_context(plant.member())
        await plant.send(500)
        await stack.enter_async_context(plant.load())
        await asyncio.sleep(0.5)
        zombie.send_signal(signal.SIGSTOP)
        async with plant.member():
            await asyncio.sleep(4.0)  # twice the session: the other has all partitions by now
            zombie.send_signal(signal.SIGCONT)
            await asyncio.sleep(3.0)
            await plant.offsets_behind()
    async with plant.member():
        await plant.settled()


async def test_a_hub_killed_again_and_again_takes_each_message_once(plant: Plant) -> None:
    async with plant.load():
        for _ in range(4):
            async with plant.member() as victim:
                await plant.takes()
                await asyncio.sleep(0.7)  # any moment of its work
                victim.kill()
    async with plant.member():
        await plant.settled()
    await plant.offsets_behind()


async def test_without_the_place_in_the_database_there_are_duplicates(plant: Plant) -> None:
    """The negative control: the same kills, and the oracle above would fail."""
    async with plant.load():
        for _ in range(4):
            async with plant.member("forgetful") as victim:
                await plant.takes()
                await asyncio.sleep(0.7)  # any moment of its work
                victim.kill()
    async with plant.member("forgetful"):
        with pytest.raises(AssertionError, match="duplicates"):
            await plant.settled()

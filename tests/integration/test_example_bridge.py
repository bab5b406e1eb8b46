"""examples/bridge.json as it stands: one broker's queues to another's topic, with no line of Python."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.cli_project import ROOT, CliProject, Running
from tests.servers import ActiveMqService
from tests.servers.activemq import PASSWORD, USER
from tests.servers.stomp_peer import StompPeer

pytestmark = pytest.mark.activemq


@pytest.fixture
async def bridge(activemq: ActiveMqService, tmp_path: Path, sqlite_url: str) -> AsyncIterator[Running]:
    """`hub run` on the example, connected; the database and the port are this test's."""
    project = CliProject(tmp_path, sqlite_url)
    shutil.copy(ROOT / "examples" / "bridge.json", project.file)
    variables = {"MES_URL": activemq.url, "PLANT_URL": activemq.url, "MES_PASSWORD": PASSWORD}
    running = await project.start("run", DATABASE_URL=sqlite_url, PORT="0", PLANT_PASSWORD=PASSWORD, **variables)
    try:
        await running.until("state=connected")
        await running.until("state=connected")
        yield running
    finally:
        await running.kill()


async def test_what_passes_the_filter_arrives_mapped_once_and_in_order(
    bridge: Running, activemq: ActiveMqService
) -> None:
    async with StompPeer(activemq.port, USER, PASSWORD) as peer:
        await peer.subscribe("/topic/orders.progress")
        for number in range(1, 6):
            for _ in range(2):  # the machine repeats itself
                event = {"id": f"e{number}", "order": "4711", "good": number, "bad": 1}
                await peer.send("/queue/machines.press7.finished", json.dumps(event).encode())
            scrap = {"id": f"s{number}", "order": "4711", "good": 0, "bad": 9}
            await peer.send("/queue/machines.press8.finished", json.dumps(scrap).encode())
        messages = [await peer.receive(20) for _ in range(5)]
        with pytest.raises(TimeoutError):
            await peer.receive(0.3)
        assert [json.loads(message.body) for message in messages] == [
            {"order": "4711", "pieces": number, "machine": "press7"} for number in range(1, 6)
        ]
        assert len({message.headers["hub-message-id"] for message in messages}) == 5
        assert await peer.browse("/queue/machines.press7.finished") == []

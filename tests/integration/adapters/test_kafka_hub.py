"""A whole hub before a Kafka broker that does not let it in: the rest works, and why is on view until it connects."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.conformance.adapters.kafka import Kafka
from tests.conformance.adapters.rig import NAME, Bench, eventually, numbered, route, running
from tests.servers import KafkaService, Unavailable

pytestmark = pytest.mark.kafka


class Locked(Kafka):
    """Reached by the hub over TLS and with a password from a file."""

    def __init__(self, service: KafkaService, password: Path) -> None:
        super().__init__(service)
        assert service.certificates is not None
        tls = {"ca": str(service.certificates.ca)}
        self._login = {"url": service.secure_url, "tls": tls, "username": "hub", "password": f"${{file:{password}}}"}

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), **self._login}


async def on_view(bench: Bench) -> dict[str, Any]:
    """The adapter, as `GET /api/adapters` shows it."""
    async with aiohttp.ClientSession() as session, session.get(f"{bench.url}/api/adapters") as answer:
        assert answer.status == 200, await answer.text()
        listed = await answer.json()
    found = listed["data"] if isinstance(listed, dict) else listed
    return next(one for one in found if one["name"] == NAME)


async def test_a_password_that_is_wrong_is_on_view_until_the_broker_takes_it(sqlite_url: str, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("new")
    try:
        service = KafkaService(users={"hub": "old"})
    except Unavailable as reason:
        pytest.skip(str(reason))
    with service:
        broker = Locked(service, secret)
        topic = await broker.topic()
        async with running(sqlite_url, broker, [route(topic)]) as bench:
            await eventually(lambda: bench.state.last_error is not None)
            shown = await on_view(bench)
            assert shown["state"] == "connecting"
            assert "refuses the password of 'hub'" in shown["last_error"]
            job = await bench.enqueue("note", {"n": 0})
            assert (await bench.wait(job))["status"] == "completed"
            service.stop()
            assert service.folder is not None
            properties = service.folder / "server.properties"
            properties.write_text(properties.read_text().replace('user_hub="old"', 'user_hub="new"'))
            service.start()
            await bench.connected(topic)
            assert (await on_view(bench))["state"] == "connected"
            await broker.produce(topic, numbered(1))
            await bench.has([1])
        await broker.close()

"""Mosquitto and HiveMQ, spoken to by a client of its own; with the adapter in MQTT 5, and in 3.1.1.

What the hub sends is collected by a session that subscribes when the topic is made, so that nothing is missed.
"""

import asyncio
import itertools
import os
from collections.abc import Mapping
from typing import Any

import pytest

from hub.ports import Features
from tests.conformance.adapters.broker import Produced
from tests.servers import HiveMqService, MosquittoService
from tests.servers.mqtt_peer import Heard, Peer

_numbers = itertools.count(1)
_PROPERTIES = {"content-type": "ContentType"}


class Mqtt:
    """See tests.conformance.adapters.broker.Broker."""

    type = "mqtt"
    loses_on_kill = True  # Mosquitto much, HiveMQ a message now and then: see its module

    def __init__(self, service: MosquittoService | HiveMqService, version: str) -> None:
        self._service = service
        self._version = version
        self._id = f"{os.getpid()}-{next(_numbers)}"
        self._peer: Peer | None = None
        self.features = Features(ordering=True, redelivery=True, headers=version == "5", exclusive=True)

    def settings(self) -> dict[str, Any]:
        return {
            "type": "mqtt",
            "url": self._service.url,
            "client_id": f"hub-{self._id}",
            "version": self._version,
            "keepalive": 5,
        }

    async def topic(self) -> str:
        topic = f"conformance/{self._id}/{next(_numbers)}"
        await asyncio.to_thread(self._talking().listen, topic)
        return topic

    async def produce(
        self, topic: str, body: bytes, *, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        headers = headers or {}
        properties: dict[str, Any] = {
            name: headers[header] for header, name in _PROPERTIES.items() if header in headers
        }
        if pairs := [pair for pair in headers.items() if pair[0] not in _PROPERTIES]:
            properties["UserProperty"] = pairs
        await asyncio.to_thread(self._talking().publish, topic, body, **properties)

    async def consume(self, topic: str, count: int, timeout: float) -> list[Produced]:
        def enough(heard: list[Heard]) -> bool:
            return sum(one.topic == topic for one in heard) >= count

        try:
            heard = await asyncio.to_thread(self._talking().wait_until, enough, timeout)
        except AssertionError as error:
            raise TimeoutError(str(error)) from error
        return [_produced(one) for one in heard if one.topic == topic][:count]

    def collected(self, topic: str) -> list[Produced]:
        """All that has come by now."""
        return [_produced(one) for one in self._talking().so_far() if one.topic == topic]

    async def waiting(self, topic: str) -> int | None:
        return None

    def stop(self) -> None:
        self._service.stop()

    def start(self) -> None:
        self._service.start()

    def kill9(self) -> None:
        self._service.kill9()

    async def close(self) -> None:
        if self._peer is not None:
            await asyncio.to_thread(self._peer.close)

    def _talking(self) -> Peer:
        if self._peer is None:
            self._peer = Peer(self._service.port, session=True)
        return self._peer


def _produced(heard: Heard) -> Produced:
    said = {header: heard.properties[name] for header, name in _PROPERTIES.items() if name in heard.properties}
    return Produced(heard.body, None, {**heard.headers, **said})


def make(request: pytest.FixtureRequest) -> Mqtt:
    return Mqtt(request.getfixturevalue("own_mosquitto"), "5")


def make_311(request: pytest.FixtureRequest) -> Mqtt:
    """The same broker, spoken to in MQTT 3.1.1: without headers."""
    return Mqtt(request.getfixturevalue("own_mosquitto"), "3.1.1")


def make_hivemq(request: pytest.FixtureRequest) -> Mqtt:
    """HiveMQ, another broker's reading of MQTT 5."""
    return Mqtt(request.getfixturevalue("hivemq"), "5")

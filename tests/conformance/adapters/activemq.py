"""ActiveMQ, and RabbitMQ's STOMP plug-in, spoken to by a STOMP client that is not the adapter's.

A message's key travels in the header `hub-key`, beside `JMSXGroupID`: ActiveMQ shows a group to no STOMP client.
"""

import asyncio
import itertools
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest

from hub.ports import Features
from tests.conformance.adapters.broker import Produced
from tests.servers import ActiveMqService, RabbitMqService, rabbitmq
from tests.servers.activemq import PASSWORD, USER
from tests.servers.stomp_peer import StompPeer

_numbers = itertools.count(1)
ONE = {"activemq.prefetchSize": "1", "prefetch-count": "1"}


class Stomp:
    """See tests.conformance.adapters.broker.Broker."""

    type = "activemq"
    features = Features(ordering=True, redelivery=True, headers=True, keys=True)
    loses_on_kill = False

    def __init__(self, service: ActiveMqService | RabbitMqService, login: tuple[str, str], **settings: Any) -> None:
        self._service = service
        self._login = login
        self._settings = {"heartbeat": 1.0, "receipt_timeout": 10.0, **settings}
        self._producer: StompPeer | None = None
        self._open = AsyncExitStack()

    def settings(self) -> dict[str, Any]:
        return self._service.adapter(**self._settings)

    async def topic(self) -> str:
        return f"/queue/conformance.{os.getpid()}.{next(_numbers)}"

    async def produce(
        self, topic: str, body: bytes, *, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        if self._producer is None:
            self._producer = await self._open.enter_async_context(self._peer())
        keyed = {} if key is None else {"hub-key": key, "JMSXGroupID": key}
        await self._producer.send(topic, body, {**(headers or {}), **keyed})

    async def consume(self, topic: str, count: int, timeout: float) -> list[Produced]:
        """Acknowledged one by one, so that what was not read stays in the queue."""
        found: list[Produced] = []
        async with asyncio.timeout(timeout), self._peer() as peer:
            await peer.subscribe(topic, ack="client-individual", headers=ONE)
            while len(found) < count:
                frame = await peer.receive(timeout)
                await peer.acknowledge(frame)
                headers = {name.lower(): value for name, value in frame.headers.items()}
                found.append(Produced(frame.body, headers.get("hub-key"), headers))
        return found

    async def waiting(self, topic: str) -> int | None:
        """Only ActiveMQ shows a queue to a client that takes nothing from it."""
        if isinstance(self._service, RabbitMqService):
            return None
        async with self._peer() as peer:
            return len(await peer.browse(topic))

    def stop(self) -> None:
        self._service.stop()
        self._producer = None

    def start(self) -> None:
        self._service.start()

    def kill9(self) -> None:
        self._service.kill9()
        self._producer = None

    async def close(self) -> None:
        await self._open.aclose()

    def _peer(self) -> StompPeer:
        return StompPeer(self._service.port, *self._login)


class ActiveMq(Stomp):
    """ActiveMQ; `settings` go into the adapter's entry."""

    def __init__(self, service: ActiveMqService, **settings: Any) -> None:
        super().__init__(service, (USER, PASSWORD), **settings)


def make(request: pytest.FixtureRequest) -> Stomp:
    return ActiveMq(request.getfixturevalue("own_activemq"))


def make_durable(request: pytest.FixtureRequest) -> Stomp:
    """With a client id, which only one instance may have."""
    found = ActiveMq(request.getfixturevalue("own_activemq"), client_id=f"hub-{os.getpid()}-{next(_numbers)}")
    found.features = msgspec.structs.replace(found.features, exclusive=True)
    return found


def make_rabbitmq(request: pytest.FixtureRequest) -> Stomp:
    return Stomp(request.getfixturevalue("rabbitmq"), (rabbitmq.USER, rabbitmq.PASSWORD))

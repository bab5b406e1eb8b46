"""Kafka, spoken to by aiokafka's own producer and consumer, without the adapter's code.

One broker for the whole run: a test that stops it starts it again. A topic has one partition, so that what is sent one
after another arrives so.
"""

import itertools
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from hub.ports import Features
from tests.conformance.adapters.broker import Produced
from tests.servers.kafka import KafkaService

_numbers = itertools.count(1)


class Kafka:
    """See tests.conformance.adapters.broker.Broker."""

    type = "kafka"
    features = Features(ordering=True, redelivery=True, cursor=True, headers=True, keys=True)
    loses_on_kill = False

    def __init__(self, service: KafkaService) -> None:
        self._service = service
        self._group = f"group-{os.getpid()}-{next(_numbers)}"
        self._producer: AIOKafkaProducer | None = None
        self._open = AsyncExitStack()

    def settings(self) -> dict[str, Any]:
        return {
            "type": "kafka",
            "url": self._service.url,
            "group": self._group,
            "session_timeout": "2s",
            "refresh": "1s",
        }

    async def topic(self) -> str:
        name = f"conformance.{os.getpid()}.{next(_numbers)}"
        async with self._admin() as admin:
            await admin.create_topics([NewTopic(name, 1, 1)])
        return name

    async def produce(
        self, topic: str, body: bytes, *, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._service.bootstrap, enable_idempotence=True, max_request_size=2**24
            )
            self._producer = await self._open.enter_async_context(producer)
        listed = [(name, value.encode()) for name, value in (headers or {}).items()]
        await self._producer.send_and_wait(topic, body, None if key is None else key.encode(), headers=listed)

    async def consume(self, topic: str, count: int, timeout: float) -> list[Produced]:
        found: list[Produced] = []
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=self._service.bootstrap, auto_offset_reset="earliest")
        async with consumer:
            while len(found) < count:
                records = await consumer.getmany(timeout_ms=int(timeout * 1000), max_records=count - len(found))
                if not records:
                    raise TimeoutError(f"{len(found)} of {count} messages after {timeout:g} s")
                for record in itertools.chain(*records.values()):
                    headers = {name.lower(): value.decode() for name, value in record.headers}
                    found.append(Produced(record.value, None if record.key is None else record.key.decode(), headers))
        return found

    async def waiting(self, topic: str) -> int | None:
        """By the group's offset at the broker."""
        partition = TopicPartition(topic, 0)
        async with self._admin() as admin:
            offsets = await admin.list_consumer_group_offsets(self._group, partitions=[partition])
        async with AIOKafkaConsumer(topic, bootstrap_servers=self._service.bootstrap) as consumer:
            [end] = (await consumer.end_offsets([partition])).values()
        return int(end) - max(0, offsets[partition].offset)

    def stop(self) -> None:
        self._service.stop()

    def start(self) -> None:
        self._service.start()

    def kill9(self) -> None:
        self._service.kill9()

    async def close(self) -> None:
        await self._open.aclose()

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._service.bootstrap)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()


def make(request: pytest.FixtureRequest) -> Kafka:
    return Kafka(request.getfixturevalue("kafka"))

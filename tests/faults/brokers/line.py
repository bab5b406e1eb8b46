"""The brokers of a siege: how each is set up, felled and asked what it holds.

Invariant: nothing of the hub's adapters is used to look at a broker.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import aiokafka.errors
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.conformance.adapters.activemq import ActiveMq
from tests.conformance.adapters.broker import Broker, Produced
from tests.conformance.adapters.kafka import Kafka
from tests.conformance.adapters.mqtt import Mqtt
from tests.servers import ActiveMqService, HiveMqService, KafkaService, MosquittoService, Service
from tests.servers.activemq import PASSWORD, USER
from tests.servers.stomp_peer import StompPeer

PARTITIONS = 3
_PATIENCE = 30.0
_QUIET = 2.0
_numbers = itertools.count(1)
_AWAY = (aiokafka.errors.KafkaError, OSError, TimeoutError)


class Line(ABC):
    """A broker, with a topic that is read and one that is sent to, each of this line alone."""

    kind: ClassVar[str]
    """What is spoken: the adapter's type."""
    needs_key: ClassVar[bool] = True
    """Whether messages need a dedupe key, as the broker keeps no place that could be committed with the rows."""

    def __init__(self, service: Service, broker: Broker) -> None:
        self.service = service
        self.broker = broker
        self.into = f"siege.in.{os.getpid()}.{next(_numbers)}"
        self.out = f"siege.out.{os.getpid()}.{next(_numbers)}"

    @abstractmethod
    async def prepare(self) -> None:
        """What must be there before the first message: topics, sessions. The broker runs."""

    def fall(self) -> None:
        """A crash, or where the broker would lose by it what it had acknowledged, an end."""
        if self.broker.loses_on_kill:
            self.service.stop()
        else:
            self.service.kill9()

    async def told(self) -> Mapping[int, int]:
        """The offsets that the broker was told, by partition; empty when it keeps none or cannot say now."""
        return {}

    @abstractmethod
    async def waiting(self) -> int:
        """How many messages wait at the broker for the hub; 0 where nobody can know."""

    @abstractmethod
    async def sent(self) -> list[Produced]:
        """All that was sent to `out`."""

    async def close(self) -> None:
        await self.broker.close()


class KafkaLine(Line):
    kind = "kafka"
    needs_key = False

    def __init__(self, service: KafkaService) -> None:
        super().__init__(service, Kafka(service))
        self._service = service
        self._group = str(self.broker.settings()["group"])
        self._partitions = [TopicPartition(self.into, number) for number in range(PARTITIONS)]
        self._admin: AIOKafkaAdminClient | None = None

    async def prepare(self) -> None:
        admin = await self._asked()
        topics = [NewTopic(self.into, PARTITIONS, 1), NewTopic(self.out, PARTITIONS, 1)]
        answer = await admin.create_topics(topics)
        if any(code for _, code, _ in answer.topic_errors):
            raise RuntimeError(str(answer))

    async def told(self) -> Mapping[int, int]:
        try:
            async with asyncio.timeout(5):
                admin = await self._asked()
                offsets = await admin.list_consumer_group_offsets(self._group, partitions=self._partitions)
        except _AWAY:
            await self._hang_up()
            return {}
        return {tp.partition: one.offset for tp, one in offsets.items() if one.offset >= 0}

    async def waiting(self) -> int:
        told = await self.told()
        async with AIOKafkaConsumer(bootstrap_servers=self._service.bootstrap) as consumer:
            ends = await consumer.end_offsets(self._partitions)
        return sum(end - told.get(tp.partition, 0) for tp, end in ends.items())

    async def sent(self) -> list[Produced]:
        partitions = [TopicPartition(self.out, number) for number in range(PARTITIONS)]
        found: list[Produced] = []
        consumer = AIOKafkaConsumer(bootstrap_servers=self._service.bootstrap, auto_offset_reset="earliest")
        async with consumer, asyncio.timeout(_PATIENCE * 4):
            consumer.assign(partitions)
            left = {tp: end for tp, end in (await consumer.end_offsets(partitions)).items() if end}
            while left:
                for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                    found += [_produced(record) for record in records]
                    if records and records[-1].offset + 1 >= left[tp]:
                        del left[tp]
        return found

    async def close(self) -> None:
        await self._hang_up()
        await super().close()

    async def _asked(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            self._admin = AIOKafkaAdminClient(bootstrap_servers=self._service.bootstrap)
            await self._admin.start()
        return self._admin

    async def _hang_up(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            await admin.close()


class MqttLine(Line):
    """Mosquitto or HiveMQ, ended by SIGTERM: by kill -9 they lose what they had acknowledged."""

    kind = "mqtt"

    def __init__(self, service: MosquittoService | HiveMqService) -> None:
        self._mqtt = Mqtt(service, "5")
        super().__init__(service, self._mqtt)

    async def prepare(self) -> None:
        self.out = await self.broker.topic()  # collected from now on

    async def waiting(self) -> int:
        return 0

    async def sent(self) -> list[Produced]:
        before, found = -1, self._mqtt.collected(self.out)
        while len(found) > before:  # until nothing has come for a while
            await asyncio.sleep(_QUIET)
            before, found = len(found), self._mqtt.collected(self.out)
        return found


class StompLine(Line):
    kind = "activemq"

    def __init__(self, service: ActiveMqService) -> None:
        super().__init__(service, ActiveMq(service))
        self.into, self.out = f"/queue/{self.into}", f"/queue/{self.out}"

    async def prepare(self) -> None:
        # Queues are there as soon as they are named; nobody needs to listen.
        pass

    async def waiting(self) -> int:
        return await self.broker.waiting(self.into) or 0

    async def sent(self) -> list[Produced]:
        found: list[Produced] = []
        async with StompPeer(self.service.port, USER, PASSWORD) as peer:
            await peer.subscribe(self.out)
            while True:
                try:
                    frame = await peer.receive(_QUIET)
                except TimeoutError:
                    return found
                found.append(Produced(frame.body, None, {name.lower(): value for name, value in frame.headers.items()}))


def _produced(record: Any) -> Produced:
    headers = {name.lower(): value.decode() for name, value in record.headers}
    return Produced(record.value, record.key and record.key.decode(), headers)


def service_of(kind: str) -> Service:
    """A broker that does not run yet. Raises Unavailable."""
    match kind:
        case "kafka":
            return KafkaService()
        case "activemq":
            return ActiveMqService()
    return MosquittoService() if kind == "mqtt" else HiveMqService()


def line_of(service: Service) -> Line:
    """One of this broker, with topics that nobody else has."""
    match service:
        case KafkaService():
            return KafkaLine(service)
        case ActiveMqService():
            return StompLine(service)
        case MosquittoService() | HiveMqService():
            return MqttLine(service)
    raise ValueError(f"there is no siege of {service.name}")

"""Kafka adapters without a hub around them, and a client of the tests' own beside them.

Invariant: topics and groups of a test are its own. What the database would remember is a dictionary here (`Memory`),
advanced under the same condition as the hub's cursors.
"""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from hub.adapters.kafka import KafkaAdapter, make
from hub.clock import SystemClock
from hub.errors import Transient
from hub.model import Message
from hub.ports import Context, Cursor, Delivery, Identity
from tests.servers import KafkaService

_numbers = itertools.count(1)
PATIENCE = 45.0


def fresh(word: str) -> str:
    """A name that nobody else uses."""
    return f"{word}-{os.getpid()}-{next(_numbers)}"


class Memory:
    """Positions, as the database keeps them."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    async def positions(self, streams: Sequence[str]) -> Mapping[str, int]:
        return {stream: self.places[stream] for stream in streams if stream in self.places}

    def advance(self, cursor: Cursor | None) -> bool:
        assert cursor is not None
        if self.places.get(cursor.stream, cursor.first) > cursor.first:
            return False
        self.places[cursor.stream] = cursor.next
        return True


def adapter(service: KafkaService, group: str, memory: Memory, **settings: Any) -> KafkaAdapter:
    async def identify(token: str | None) -> Identity | None:
        return None

    context = Context(clock=SystemClock(), instance="test", positions=memory.positions, identify=identify)
    given = {"url": service.url, "group": group, "session_timeout": 2.0, "refresh": 0.5, **settings}
    return make("plant", given, context)


@asynccontextmanager
async def connected(
    service: KafkaService, *topics: str, group: str | None = None, memory: Memory | None = None, **settings: Any
) -> AsyncIterator[KafkaAdapter]:
    found = adapter(service, group or fresh("group"), memory or Memory(), **settings)
    await found.connect()
    try:
        if topics:
            await found.subscribe(topics)
        yield found
    finally:
        await found.close()


async def delivery(source: KafkaAdapter) -> Delivery:
    try:
        async with asyncio.timeout(PATIENCE):
            return await source.read()
    except TimeoutError:
        raise TimeoutError(f"nothing came within {PATIENCE:g} s; {described(source)}") from None


def described(source: KafkaAdapter) -> str:
    """What the membership looks like, the hub's part of it and aiokafka's."""
    reader = source._reader
    if reader is None:
        return "there is no membership"
    consumer, ours = reader._consumer, reader._assignment
    state, fetcher, group, client = consumer._subscription, consumer._fetcher, consumer._coordinator, consumer._client
    given = state.subscription and state.subscription.assignment
    parts = {
        "subscribed": (reader._subscribed, "missing", reader._topics.missing, "failure", reader._failure),
        "partitions": [
            (str(one), one.position, "live", one.live, "current", one.current, "moving", one.moving, one.waiting)
            for one in ours.partitions.values()
        ],
        "lag": source.lag(),
        "handing out": ("closing", ours.closing, "ready", len(ours._ready), "out", len(ours._out)),
        "aiokafka's": (given and given._tp_state, "rebalancing", state.reassignment_in_progress),
        "fetched": (dict(fetcher._records), "in flight", fetcher._in_flight),
        "group": (group.coordinator_id, group.generation, group.member_id, group._metadata_snapshot),
        "pending": group._pending_exception,
        "metadata": (client._topics, client.cluster._partitions),
        "connections": [(*key, one.connected(), len(one._requests)) for key, one in client._conns.items()],
        "tasks": [
            *(
                reader._fetching,
                reader._watching,
                reader._committer._task,
                fetcher._fetch_task,
                *fetcher._pending_tasks,
            ),
            *(group._coordination_task, group._heartbeat_task, group._commit_refresh_task, client._sync_task),
        ],
    }
    return "\n".join(f"  {name}: {value!r}" for name, value in parts.items())


async def taken(source: KafkaAdapter, memory: Memory, count: int) -> list[Message]:
    """So many messages, each delivery advanced in the memory and acknowledged."""
    found: list[Message] = []
    while len(found) < count:
        one = await delivery(source)
        if memory.advance(one.cursor):
            found += one.messages
            await source.acknowledge(one)
        else:
            assert one.cursor is not None
            await source.release(one, memory.places[one.cursor.stream])
    return found


async def alarm(source: KafkaAdapter, memory: Memory) -> str:
    """What the next alarm says; messages before it are taken."""
    while True:
        try:
            await taken(source, memory, 1)
        except Transient as error:
            return str(error)


class Peer:
    """Somebody else at the broker."""

    def __init__(self, service: KafkaService) -> None:
        self._service = service
        self._producer: AIOKafkaProducer | None = None
        self._admin: AIOKafkaAdminClient | None = None

    async def create(self, *topics: str, partitions: int = 1, **settings: str) -> None:
        admin = await self._administrator()
        configs = {name.replace("_", "."): value for name, value in settings.items()}
        answer = await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs) for topic in topics])
        assert all(code == 0 for _, code, _ in answer.topic_errors), answer

    async def delete(self, topic: str) -> None:
        await (await self._administrator()).delete_topics([topic])

    async def truncate(self, topic: str, before: int) -> None:
        """Delete the records before an offset."""
        await (await self._administrator()).delete_records({TopicPartition(topic, 0): RecordsToDelete(before)})

    async def committed(self, group: str, topic: str) -> int:
        """The group's offset at the broker, -1 for none."""
        partition = TopicPartition(topic, 0)
        found = await (await self._administrator()).list_consumer_group_offsets(group, partitions=[partition])
        return int(found[partition].offset)

    async def send(self, topic: str, *bodies: bytes | None, **more: Any) -> None:
        if self._producer is None:
            self._producer = AIOKafkaProducer(
                bootstrap_servers=self._service.bootstrap, enable_idempotence=True, max_request_size=2**24
            )
            await self._producer.start()
        for receipt in [await self._producer.send(topic, body, **more) for body in bodies]:
            await receipt

    async def close(self) -> None:
        if self._producer is not None:
            await self._producer.stop()
        if self._admin is not None:
            await self._admin.close()

    async def _administrator(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            self._admin = AIOKafkaAdminClient(bootstrap_servers=self._service.bootstrap)
            await self._admin.start()
        return self._admin

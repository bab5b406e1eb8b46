"""A connection of its own for questions: does the broker answer, which topics are there, what had the group committed.

Invariant: it shares nothing with the consumer, whose connections are busy with waiting for records; an answer here is
never behind one of those. No method retries for long: who asks decides.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import msgspec
from aiokafka import TopicPartition, errors
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.conn import create_conn
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.metadata import MetadataRequest

from hub.adapters.kafka.ending import ended
from hub.adapters.kafka.faults import connection_fault, fault
from hub.adapters.kafka.settings import Address, KafkaSettings
from hub.adapters.kafka.wire import NO_ID, TopicIdRequest, id_text
from hub.errors import HubError, Permanent, Transient

CONNECT_TIME: Final = 8.0
ANSWER_TIME: Final = 8.0
REQUEST_MS: Final = 20_000
"""Longer than a rebalance may take: the broker holds back the answer to a member that joins."""

_UNKNOWN_TOPIC: Final = errors.UnknownTopicOrPartitionError.errno
_DENIED: Final = errors.TopicAuthorizationFailedError.errno


class TopicFact(msgspec.Struct, frozen=True):
    """`id` is None where the broker has no ids."""

    exists: bool
    id: str | None = None
    denied: bool = False


class Committed(msgspec.Struct, frozen=True):
    """What the group had committed for a partition; `note` is the text that was put beside it."""

    offset: int
    note: str


class Control:
    """`options` are those that every client of aiokafka's takes; `has_ids` says whether the broker knows topics by ids.
    Good once `open` has returned."""

    def __init__(self, settings: KafkaSettings, address: Address, context: ssl.SSLContext | None) -> None:
        self._address = address
        self._mechanism = settings.mechanism
        login: dict[str, Any] = {}
        if address.username is not None:
            login = {
                "sasl_mechanism": settings.mechanism,
                "sasl_plain_username": address.username,
                "sasl_plain_password": address.password,
            }
        self._security = {"security_protocol": address.protocol, "ssl_context": context, **login}
        self._client_id = settings.client_id
        self.options: Mapping[str, Any] = {
            "bootstrap_servers": [f"{host}:{port}" for host, port in address.hosts],
            "client_id": settings.client_id,
            "request_timeout_ms": REQUEST_MS,
            **self._security,
        }
        self._client: AIOKafkaClient | None = None
        self.has_ids = True
        self.cluster = "-"

    async def open(self) -> None:
        """Raises Transient and Permanent, with what is wrong at each of the addresses."""
        await self._knock()
        client = AIOKafkaClient(**self.options)
        self._client = client
        try:
            async with asyncio.timeout(CONNECT_TIME):
                await client.bootstrap()
                node = client.get_random_node()
                if node is None or not await client.ready(node):
                    raise self._unreachable(client, node)
            await self._learn_cluster()
        except (errors.KafkaError, OSError, TimeoutError) as error:
            raise fault(error, f"Kafka at {self._address}") from error

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await ended(client.close(), "connection", CONNECT_TIME)

    async def beat(self) -> None:
        """One round trip. Raises Transient."""
        await self._ask(TopicIdRequest("hub"), f"Kafka at {self._address}")

    async def topic(self, name: str) -> TopicFact:
        """Whether a topic is there, and its id. Asking makes none."""
        answer = await self._ask(TopicIdRequest(name), f"topic {name!r}")
        if answer is None:  # a broker without ids
            metadata = await self._all_topics()
            return TopicFact(name in metadata.topics(exclude_internal_topics=False))
        if answer.error_code == _DENIED:
            return TopicFact(False, denied=True)
        if answer.error_code == _UNKNOWN_TOPIC or answer.topic_id == NO_ID:
            return TopicFact(False)
        return TopicFact(True, id_text(answer.topic_id))

    async def topics(self, names: Iterable[str]) -> dict[str, TopicFact]:
        """`topic` of each."""
        wanted = sorted(set(names))
        return dict(zip(wanted, await asyncio.gather(*map(self.topic, wanted)), strict=True))

    async def names(self) -> Collection[str]:
        """All topics that this user may see, without Kafka's own."""
        names: set[str] = (await self._all_topics()).topics()
        return names

    async def committed(self, group: str, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Committed]:
        """What the group had committed, for those where it has. Raises Transient, Permanent without the right to."""
        by_topic: dict[str, list[int]] = {}
        for one in partitions:
            by_topic.setdefault(one.topic, []).append(one.partition)
        client, doing = self._connected(), f"group {group!r}"
        try:
            async with asyncio.timeout(ANSWER_TIME):
                node = await self._coordinator(client, group)
                answer = await client.send(node, OffsetFetchRequest(group, list(by_topic.items())))
        except (errors.KafkaError, OSError, TimeoutError) as error:
            raise fault(error, doing) from error
        found = {}
        for topic, listed in answer.topics:
            for partition, offset, note, code in listed:
                if code:
                    raise fault(errors.for_code(code)(), f"{doing}, {topic}/{partition}")
                if offset >= 0:
                    found[TopicPartition(topic, partition)] = Committed(offset, note or "")
        if (code := getattr(answer, "error_code", 0)) != 0:
            raise fault(errors.for_code(code)(), doing)
        return found

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _knock(self) -> None:
        """Speak to the addresses one by one until one answers: aiokafka says only that none did."""
        said: list[HubError] = []
        for host, port in self._address.hosts:
            try:
                async with asyncio.timeout(CONNECT_TIME):
                    connection = await create_conn(
                        host,
                        port,
                        client_id=self._client_id,
                        request_timeout_ms=int(CONNECT_TIME * 1000),
                        **self._security,
                    )
                    try:
                        # Whoever needs a password and got none hangs up only now.
                        await connection.send(MetadataRequest([]))
                    finally:
                        connection.close()
            except (errors.KafkaError, OSError, EOFError, TimeoutError) as error:
                said.append(connection_fault(error, host, port, self._address))
            except ValueError as error:  # SCRAM: the server's proof is none
                said.append(Permanent(f"Kafka at {host}:{port}: {self._mechanism} failed: {error}"))
            else:
                return
        text = "; ".join(str(one) for one in said)
        raise Permanent(text) if all(isinstance(one, Permanent) for one in said) else Transient(text)

    async def _learn_cluster(self) -> None:
        answer = await self._ask(TopicIdRequest("hub"), f"Kafka at {self._address}")
        if answer is not None:
            self.cluster = answer.cluster_id or "-"

    def _unreachable(self, client: AIOKafkaClient, node: int | None) -> Transient:
        broker = client.cluster.broker_metadata(node) if node is not None else None
        if broker is None:
            return Transient(f"Kafka at {self._address} names no broker of its cluster yet")
        return Transient(
            f"Kafka at {self._address} says that its broker {node} is at {broker.host}:{broker.port}, where it can not "
            f"be reached: look at advertised.listeners"
        )

    async def _ask(self, request: TopicIdRequest, doing: str) -> Any | None:
        """The answer of any broker; None from one that knows no ids."""
        client = self._connected()
        try:
            async with asyncio.timeout(ANSWER_TIME):
                if self.has_ids:
                    try:
                        return await client.send(client.get_random_node(), request)
                    except (NotImplementedError, errors.IncompatibleBrokerVersion):
                        self.has_ids = False
                if doing.startswith("Kafka"):
                    await client.fetch_all_metadata()
                return None
        except (errors.KafkaError, OSError, TimeoutError) as error:
            raise fault(error, doing) from error

    async def _all_topics(self) -> Any:
        try:
            async with asyncio.timeout(ANSWER_TIME):
                return await self._connected().fetch_all_metadata()
        except (errors.KafkaError, OSError, TimeoutError) as error:
            raise fault(error, f"topics of Kafka at {self._address}") from error

    async def _coordinator(self, client: AIOKafkaClient, group: str) -> int:
        """The broker that keeps the group; a new cluster needs a moment to have one. Bounded by the caller."""
        while True:
            try:
                node: int = await client.coordinator_lookup(CoordinationType.GROUP, group)
                if await client.ready(node):
                    return node
            except errors.KafkaError as error:
                if not error.retriable:
                    raise
            await client.force_metadata_update()
            await asyncio.sleep(0.1)

    def _connected(self) -> AIOKafkaClient:
        if self._client is None:
            raise Transient(f"not connected to Kafka at {self._address}")
        return self._client

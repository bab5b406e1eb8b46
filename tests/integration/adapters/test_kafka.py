"""Kafka in: places kept by the database, topics that come, go and are made anew, and records of every kind."""

import asyncio
import binascii
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from hub.adapters.kafka.wire import TopicIdRequest
from hub.errors import Permanent, Transient
from tests.integration.adapters.kafka_adapters import Memory, Peer, alarm, connected, delivery, fresh, taken
from tests.servers import KafkaService

pytestmark = pytest.mark.kafka


@pytest.fixture
async def peer(kafka: KafkaService) -> AsyncIterator[Peer]:
    found = Peer(kafka)
    yield found
    await found.close()


def bodies(first: int, count: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, first + count)]


# --- places ----------------------------------------------------------------------------------------------------------


async def test_the_database_says_where_to_go_on_not_the_group(kafka: KafkaService, peer: Peer) -> None:
    topic, group, memory = fresh("places"), fresh("group"), Memory()
    await peer.create(topic)
    await peer.send(topic, *bodies(0, 30))
    async with connected(kafka, topic, group=group, memory=memory, max_records=10) as source:
        first = await delivery(source)
        assert [message.body for message in first.messages] == bodies(0, 10)
        assert memory.advance(first.cursor)  # committed, and the broker is never told
    assert await peer.committed(group, topic) == -1
    async with connected(kafka, topic, group=group, memory=memory) as source:
        rest = await taken(source, memory, 20)
        assert [message.body for message in rest] == bodies(10, 20)
        async with asyncio.timeout(30):
            while await peer.committed(group, topic) != 30:
                await source.check()  # the broker is told soon, and nobody says when


async def test_a_group_that_the_database_does_not_know_goes_on_at_the_brokers_offset(
    kafka: KafkaService, peer: Peer
) -> None:
    topic, group, memory = fresh("moved"), fresh("group"), Memory()
    await peer.create(topic)
    await peer.send(topic, *bodies(0, 10))
    async with connected(kafka, topic, group=group, memory=memory) as source:
        await taken(source, memory, 10)
    assert await peer.committed(group, topic) == 10
    await peer.send(topic, *bodies(10, 5))
    empty = Memory()
    async with connected(kafka, topic, group=group, memory=empty) as source:
        assert [message.body for message in await taken(source, empty, 5)] == bodies(10, 5)


async def test_what_is_released_comes_again_and_from_the_place_that_is_said(kafka: KafkaService, peer: Peer) -> None:
    topic, memory = fresh("released"), Memory()
    await peer.create(topic)
    await peer.send(topic, *bodies(0, 40))
    async with connected(kafka, topic, memory=memory, max_records=10) as source:
        first = await delivery(source)
        await source.release(first)
        again = await delivery(source)
        assert (again.cursor, again.messages) == (first.cursor, first.messages)
        await source.release(again, 25)
        later = await delivery(source)
        assert [message.body for message in later.messages][:5] == bodies(25, 5)


async def test_reading_may_be_cancelled_at_any_time(kafka: KafkaService, peer: Peer) -> None:
    topic, memory = fresh("cancelled"), Memory()
    await peer.create(topic)
    found: list[bytes] = []
    async with connected(kafka, topic, memory=memory, max_records=7) as source:
        sending = asyncio.create_task(peer.send(topic, *bodies(0, 300)))
        async with asyncio.timeout(30):
            while len(found) < 300:
                reading = asyncio.create_task(source.read())
                await asyncio.wait((reading,), timeout=0.001)
                reading.cancel()
                await asyncio.wait((reading,))
                if not reading.cancelled():
                    one = reading.result()
                    found += [message.body for message in one.messages]
                    await source.acknowledge(one)
        await sending
    assert found == bodies(0, 300)


async def test_a_member_that_joins_gets_its_share_and_what_was_out_is_void(kafka: KafkaService, peer: Peer) -> None:
    topic, group, memory = fresh("share"), fresh("group"), Memory()
    await peer.create(topic, partitions=2)
    for partition in (0, 1):
        await peer.send(topic, *bodies(0, 5), partition=partition)
    async with connected(kafka, topic, group=group, memory=memory) as one:
        held = await delivery(one)
        async with connected(kafka, topic, group=group, memory=memory) as other:
            first = await delivery(other)
            assert first.cursor is not None
            assert [message.body for message in first.messages] == bodies(0, 5)
            await one.acknowledge(held)  # its partitions are given out anew: this changes nothing
            assert memory.advance(first.cursor)
            await other.acknowledge(first)
            mine = await delivery(one)
            assert mine.cursor is not None
            assert mine.cursor.stream != first.cursor.stream
        assert set(one.lag()) <= {f"{topic}/0", f"{topic}/1"}


# --- what is gone ----------------------------------------------------------------------------------------------------


async def test_deleted_records_are_named_not_skipped(kafka: KafkaService, peer: Peer) -> None:
    topic, group, memory = fresh("gone"), fresh("group"), Memory()
    await peer.create(topic)
    await peer.send(topic, *bodies(0, 10))
    async with connected(kafka, topic, group=group, memory=memory) as source:
        await taken(source, memory, 10)
    await peer.send(topic, *bodies(10, 20))
    await peer.truncate(topic, 25)
    async with connected(kafka, topic, group=group, memory=memory) as source:
        said = await alarm(source, memory)
        assert f"{topic}/0: offsets 10 to 24 are gone" in said
        assert "goes on at 25" in said
        await source.close()
        await source.connect()
        await source.subscribe([topic])  # said once: the adapter reads on
        assert [message.body for message in await taken(source, memory, 5)] == bodies(25, 5)


async def test_records_deleted_under_a_reader_are_named(kafka: KafkaService, peer: Peer) -> None:
    topic, memory = fresh("under"), Memory()
    await peer.create(topic)
    await peer.send(topic, *bodies(0, 4))
    async with connected(kafka, topic, memory=memory, max_records=1) as source:
        held = await delivery(source)
        await peer.send(topic, *bodies(4, 40))
        await peer.truncate(topic, 40)
        assert memory.advance(held.cursor)
        await source.acknowledge(held)
        said = await alarm(source, memory)
        assert "goes on at 40" in said
        assert [message.body for message in await taken(source, memory, 4)] == bodies(40, 4)


@pytest.mark.parametrize("more", [3, 15], ids=["shorter", "longer than before"])
async def test_a_topic_made_anew_is_read_from_its_beginning(kafka: KafkaService, peer: Peer, more: int) -> None:
    topic, memory = fresh("anew"), Memory()
    await peer.create(topic)
    await peer.send(topic, *bodies(0, 10))
    async with connected(kafka, topic, memory=memory) as source:
        await taken(source, memory, 10)
        await peer.delete(topic)
        await peer.create(topic)
        await peer.send(topic, *bodies(100, more))
        found, said = [], ""
        while len(found) < more:
            try:
                found += [message.body for message in await taken(source, memory, 1)]
            except Transient as error:
                said = str(error)
        assert found == bodies(100, more)
        assert "made anew" in said
    assert len(memory.places) == 2


async def test_a_topic_that_was_away_for_a_while_is_said_to_be_made_anew(kafka: KafkaService, peer: Peer) -> None:
    topic, memory = fresh("anew"), Memory()
    await peer.create(topic)
    await peer.send(topic, *bodies(0, 10))
    async with connected(kafka, topic, memory=memory) as source:
        await taken(source, memory, 10)
        for first in (100, 200):  # the second time is as worth saying as the first
            await peer.delete(topic)
            async with asyncio.timeout(30):
                while source.lag():  # noqa: ASYNC110 - nothing tells
                    await asyncio.sleep(0.05)
            await peer.create(topic)
            await peer.send(topic, *bodies(first, 3))
            assert f"topic {topic!r} was made anew" in await alarm(source, memory)
            assert [message.body for message in await taken(source, memory, 3)] == bodies(first, 3)


async def test_a_topic_made_anew_while_nobody_looked_is_read_from_its_beginning(
    kafka: KafkaService, peer: Peer
) -> None:
    topic, group, memory = fresh("anew"), fresh("group"), Memory()
    await peer.create(topic)
    await peer.send(topic, *bodies(0, 10))
    async with connected(kafka, topic, group=group, memory=memory) as source:
        await taken(source, memory, 10)
    await peer.delete(topic)
    await peer.create(topic)
    await peer.send(topic, *bodies(100, 15))
    async with connected(kafka, topic, group=group, memory=memory) as source:
        assert [message.body for message in await taken(source, memory, 15)] == bodies(100, 15)


# --- topics ----------------------------------------------------------------------------------------------------------


async def test_names_and_patterns_together_and_topics_that_come_later(kafka: KafkaService, peer: Peer) -> None:
    word, memory = fresh("many"), Memory()
    named, later, matching, new, other = (f"{word}.{end}" for end in ("named", "later", "a.in", "b.in", "a.inner"))
    await peer.create(named, matching, other)
    async with connected(kafka, named, later, rf"^{word}\.[ab]\.in", memory=memory) as source:
        for topic in (named, matching, other):
            await peer.send(topic, topic.encode())
        assert {message.topic for message in await taken(source, memory, 2)} == {named, matching}
        await peer.create(later, new)
        for topic in (later, new):
            await peer.send(topic, b"late")
        assert {message.topic for message in await taken(source, memory, 2)} == {later, new}
        await source.subscribe([other])
        await peer.send(named, b"no more")
        assert [message.topic for message in await taken(source, memory, 1)] == [other]


async def test_a_pattern_that_is_none_is_said_to_be_so(kafka: KafkaService) -> None:
    async with connected(kafka) as source:
        with pytest.raises(Permanent, match="no regular expression"):
            await source.subscribe(["^a(b"])


async def test_a_missing_topic_is_not_made_by_reading_it(kafka: KafkaService, peer: Peer) -> None:
    topic, memory = fresh("unmade"), Memory()
    async with connected(kafka, topic, memory=memory) as source:
        await source.check()
        await peer.create(topic, partitions=3)  # fails if it had been made
        await peer.send(topic, b"x")
        assert len(await taken(source, memory, 1)) == 1


# --- records ---------------------------------------------------------------------------------------------------------


async def test_keys_headers_and_tombstones_lose_nothing(kafka: KafkaService, peer: Peer) -> None:
    topic, memory = fresh("records"), Memory()
    # The first record bears an old time: the broker deletes what is older than a week, whenever it comes to look.
    await peer.create(topic, retention_ms="-1")
    listed = [("Kind", b"old"), ("kind", b"new"), ("raw", b"\xff\x00"), ("none", None), ("content-type", b"text/plain")]
    await peer.send(topic, b"x", key="schlüssel".encode(), headers=listed, timestamp_ms=1_700_000_000_123)
    await peer.send(topic, None, key=b"\xfe")
    await peer.send(topic, b"", headers=[])
    async with connected(kafka, topic, memory=memory) as source:
        full, tombstone, empty = await taken(source, memory, 3)
    assert (full.key, full.topic, full.protocol, full.content_type) == ("schlüssel", topic, "kafka", "text/plain")
    assert full.timestamp == datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)
    assert (full.headers["kind"], full.headers["kind#1"], full.headers["none"]) == ("new", "old", "")
    assert binascii.a2b_base64(full.headers["raw:base64"]) == b"\xff\x00"
    assert (tombstone.body, tombstone.key, tombstone.headers) == (b"", "base64:/g==", {"kafka-tombstone": "true"})
    assert (empty.body, empty.key, empty.headers) == (b"", None, {})


async def test_ten_thousand_headers_and_a_huge_message(kafka: KafkaService, peer: Peer) -> None:
    topic, memory = fresh("large"), Memory()
    await peer.create(topic)
    await peer.send(topic, b"many", headers=[(f"h{n}", b"v") for n in range(10_000)])
    await peer.send(topic, b"ab" * 3_000_000)
    await peer.send(topic, b"after")
    async with connected(kafka, topic, memory=memory) as source:
        many, huge, after = await taken(source, memory, 3)
    assert (len(many.headers), len(huge.body), after.body) == (10_000, 6_000_000, b"after")


async def test_lag_is_what_was_not_taken(kafka: KafkaService, peer: Peer) -> None:
    topic, memory = fresh("lag"), Memory()
    await peer.create(topic)
    await peer.send(topic, *bodies(0, 50))
    async with connected(kafka, topic, memory=memory, max_records=5) as source:
        held = await delivery(source)
        await source.check()
        assert source.lag() == {f"{topic}/0": 50}
        memory.advance(held.cursor)
        await source.acknowledge(held)
        assert source.lag() == {f"{topic}/0": 45}
        await taken(source, memory, 45)
        assert source.lag() == {f"{topic}/0": 0}


async def test_a_broker_without_topic_ids_is_read_too(
    kafka: KafkaService, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> None:
        raise NotImplementedError("as aiokafka answers for a version that the broker does not speak")

    monkeypatch.setattr(TopicIdRequest, "build", unknown)
    topic, group, memory = fresh("without"), fresh("group"), Memory()
    await peer.create(topic)
    await peer.send(topic, *bodies(0, 10))
    async with connected(kafka, topic, group=group, memory=memory) as source:
        assert [message.body for message in await taken(source, memory, 10)] == bodies(0, 10)
        await source.check()
    await peer.delete(topic)
    await peer.create(topic)
    await peer.send(topic, *bodies(100, 3))
    async with connected(kafka, topic, group=group, memory=memory) as source:
        assert "made anew, or the broker lost its end" in await alarm(source, memory)
        assert [message.body for message in await taken(source, memory, 3)] == bodies(100, 3)
    assert [name.split("/")[3] for name in memory.places] == ["-", "-~1"]

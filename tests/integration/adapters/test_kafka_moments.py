"""Moments in which aiokafka goes silent while its membership lives on, or dies and leaves something behind: against a
real broker, each is either passed over or said at once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest

from hub.adapters.kafka import KafkaAdapter, control, producer, reader
from hub.adapters.kafka.topics import Topics
from hub.errors import Permanent, Transient
from hub.model import Outgoing
from tests.integration.adapters.kafka_adapters import PATIENCE, Memory, Peer, connected, delivery, fresh, taken
from tests.servers import KafkaService

pytestmark = pytest.mark.kafka


@pytest.fixture
async def peer(kafka: KafkaService) -> AsyncIterator[Peer]:
    found = Peer(kafka)
    yield found
    await found.close()


def consumer_of(source: KafkaAdapter) -> Any:
    assert source._reader is not None
    return source._reader._consumer


def before_assignment(consumer: Any, told: Callable[[], None]) -> None:
    """Call `told` right before aiokafka gives its fetching task the next partitions, in the same turn of the loop."""
    state = consumer._subscription
    original = state.assign_from_subscribed

    def assigned(partitions: Iterable[Any]) -> None:
        state.assign_from_subscribed = original
        told()
        original(partitions)

    state.assign_from_subscribed = assigned


async def test_topics_that_change_in_the_moment_of_an_assignment(
    kafka: KafkaService, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka's fetching task is woken for partitions that are none any more when it comes to look."""
    memory, first, second = Memory(), fresh("first"), fresh("second")
    await peer.create(first, second)
    async with connected(kafka, group=fresh("group"), memory=memory) as source:
        await source.subscribe([first])
        moment = asyncio.Event()
        before_assignment(consumer_of(source), moment.set)
        ask = control.Control.topics

        async def answered_in_that_moment(self: control.Control, names: Iterable[str]) -> dict[str, control.TopicFact]:
            facts = await ask(self, names)
            await moment.wait()
            return facts

        monkeypatch.setattr(control.Control, "topics", answered_in_that_moment)
        async with asyncio.timeout(PATIENCE):
            await source.subscribe([first, second])
        monkeypatch.undo()
        await peer.send(second, b"2")
        await peer.send(first, b"1")
        assert sorted(message.body for message in await taken(source, memory, 2)) == [b"1", b"2"]


async def test_a_fetching_task_that_died_is_said_at_once(kafka: KafkaService, peer: Peer) -> None:
    """The client itself waits for ever then, with its membership alive and its lag growing."""
    topic = fresh("topic")
    await peer.create(topic)
    async with connected(kafka, topic) as source:
        memory = Memory()
        await peer.send(topic, b"1")
        await taken(source, memory, 1)
        fetcher = consumer_of(source)._fetcher
        fetcher._get_actions_per_node = lambda assignment: 1 / 0
        with pytest.raises(Transient, match="reading"):
            await delivery(source)


async def test_topics_that_change_in_the_moment_of_a_rebalance(kafka: KafkaService, peer: Peer) -> None:
    """aiokafka ends a heartbeat that has not begun, and is ended by it itself: nobody is left who rejoins."""
    memory, first, second = Memory(), fresh("first"), fresh("second")
    await peer.create(first, second)
    async with connected(kafka, first, memory=memory) as source:
        await peer.send(first, b"0")
        await taken(source, memory, 1)
        membership, changing = source._reader, []
        assert membership is not None
        assert membership._watching is not None
        membership._watching.cancel()
        membership._topics = at_once = Topics("plant", [first, second])

        async def there(_: control.Control) -> set[str]:
            return {first, second}

        at_once.present = there  # type: ignore[method-assign]  # an answer that takes no turn of the loop
        changed = asyncio.Event()

        def change() -> None:
            changing.append(asyncio.create_task(membership._resubscribe()))
            changed.set()

        before_assignment(consumer_of(source), change)
        consumer_of(source)._coordinator.request_rejoin()
        async with asyncio.timeout(PATIENCE):
            await changed.wait()
            await changing[0]
        await peer.send(second, b"2")
        await peer.send(first, b"1")
        assert sorted(message.body for message in await taken(source, memory, 2)) == [b"1", b"2"]


@pytest.mark.parametrize("theirs", ["_coordination_task", "_fetch_task"])
async def test_a_task_of_the_client_that_ended_without_a_word_is_said_at_once(
    kafka: KafkaService, peer: Peer, theirs: str
) -> None:
    topic = fresh("topic")
    await peer.create(topic)
    async with connected(kafka, topic) as source:
        consumer = consumer_of(source)
        getattr(consumer._coordinator if theirs == "_coordination_task" else consumer._fetcher, theirs).cancel()
        with pytest.raises(Transient, match="reading"):
            await delivery(source)
        with pytest.raises(Transient, match="reading"):
            await source.check()


async def test_a_session_that_the_broker_does_not_take_is_said(kafka: KafkaService, peer: Peer) -> None:
    """Who is refused has no partitions, and aiokafka tells only those who ask for records."""
    topic = fresh("topic")
    await peer.create(topic)
    async with connected(kafka, topic, session_timeout=0.5) as source:
        with pytest.raises(Permanent, match="session_timeout"):
            await delivery(source)


async def test_a_change_of_topics_does_not_wait_for_the_next_refresh(kafka: KafkaService, peer: Peer) -> None:
    """Metadata that was asked for before the change knows nothing of it, and aiokafka forgets to ask again."""
    memory, first, second = Memory(), fresh("first"), fresh("second")
    await peer.create(first, second)
    async with connected(kafka, first, memory=memory) as source:
        await peer.send(first, b"1")
        await taken(source, memory, 1)
        client = consumer_of(source)._client
        asked, changed = asyncio.Event(), asyncio.Event()
        original = client._metadata_update

        async def answered_late(cluster: Any, topics: Any) -> Any:
            client._metadata_update, client._metadata_max_age_ms = original, 3_600_000
            answer = await original(cluster, topics)
            asked.set()
            await changed.wait()
            return answer

        client._metadata_update = answered_late
        async with asyncio.timeout(PATIENCE):
            await asked.wait()
        await source.subscribe([first, second])
        changed.set()
        await peer.send(second, b"2")
        assert [message.body for message in await taken(source, memory, 1)] == [b"2"]


async def test_a_group_that_no_broker_keeps_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The topic of the groups' offsets wants three brokers: aiokafka looks for a coordinator for ever."""
    monkeypatch.setattr(reader, "UNGIVEN", 1.0)
    broker = KafkaService({"offsets.topic.replication.factor": "3"})
    with broker:
        peer, topic = Peer(broker), fresh("topic")
        await peer.create(topic)
        async with connected(broker, topic) as source, asyncio.timeout(PATIENCE):
            said = ""
            while not said:
                try:
                    await source.check()
                except Transient as error:
                    said = str(error)
        assert "no broker can be found that keeps the group" in said
        await peer.close()


# --- a broker that stands still --------------------------------------------------------------------------------------


async def test_a_reader_that_could_not_leave_runs_on_nowhere(
    own_kafka: KafkaService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half closed, it would connect again as soon as the broker is back, and fetch for nobody."""
    monkeypatch.setattr(reader, "STOP_TIME", 0.5)
    peer, topic, memory = Peer(own_kafka), fresh("topic"), Memory()
    await peer.create(topic)
    await peer.send(topic, b"1")
    await peer.close()
    before = asyncio.all_tasks()
    async with connected(own_kafka, topic, memory=memory) as source:
        await taken(source, memory, 1)
        own_kafka.sigstop()
    own_kafka.sigcont()
    assert asyncio.all_tasks() - before == set()


async def test_many_that_wait_for_a_broker_that_stands_still_wait_no_longer_than_one(
    own_kafka: KafkaService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "RECEIPT_TIME", 1.0)
    async with connected(own_kafka) as sink:
        own_kafka.sigstop()
        messages = [
            Outgoing(id=f"id-{number}", to="plant", topic="topic", body=b"", content_type="text/plain")
            for number in range(8)
        ]
        try:
            async with asyncio.timeout(5.0):
                ends = await asyncio.gather(*map(sink.send, messages), return_exceptions=True)
        finally:
            own_kafka.sigcont()
        assert {type(one) for one in ends} == {Transient}

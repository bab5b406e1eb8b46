"""Changes of the topics in the worst moments of a rebalance, against a real broker."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest

from hub.adapters.kafka import KafkaAdapter, control
from hub.errors import Transient
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

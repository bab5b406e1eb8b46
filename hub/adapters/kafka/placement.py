"""Where reading goes on in partitions that are newly ours: what the database, the group and the broker know of them.

Invariant: a partition is placed by what all three said after it became ours, or stays unplaced and is tried again; what
was lost on the way is answered as an alarm, never passed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka import TopicPartition, errors

from hub.adapters.kafka.control import Committed, Control, TopicFact
from hub.adapters.kafka.faults import fault
from hub.adapters.kafka.partition import Partition
from hub.adapters.kafka.streams import GENERATIONS, Place, place, stream_name
from hub.ports import Context

ANSWER_TIME: Final = 10.0


class Placement:
    """`place` may be called again and again; it changes only partitions that have no position yet."""

    def __init__(self, control: Control, context: Context, group: str) -> None:
        self._control = control
        self._context = context
        self._group = group
        self._ids: dict[str, str] = {}

    async def place(self, consumer: Any, partitions: Sequence[Partition]) -> list[str]:
        """Place those that can be, and answer what was lost. Raises what Control and the database raise."""
        facts = await self._control.topics({one.tp.topic for one in partitions})
        there = [one for one in partitions if facts[one.tp.topic].exists]
        if not there:
            return []
        stored = await self._context.positions([self._name(one, facts, n) for one in there for n in range(GENERATIONS)])
        committed = await self._control.committed(self._group, [one.tp for one in there])
        begins, ends = await ends_of(consumer, [one.tp for one in there])
        alarms = []
        for one in there:
            if one.live and one.position is None:
                alarms.append(self._settle(one, facts, stored, committed.get(one.tp), begins[one.tp], ends[one.tp]))
        return [alarm for alarm in alarms if alarm is not None]

    async def again(self, consumer: Any, one: Partition) -> Place:
        """Where to go on when the broker says that it has nothing at the position of a partition that was placed."""
        begins, ends = await ends_of(consumer, [one.tp])
        begin, end = begins[one.tp], ends[one.tp]
        return place(str(one), stored=one.position, committed=None, begin=begin, end=end, generation=one.generation)

    def rename(self, one: Partition, topic_id: str | None, generation: int) -> None:
        """Give a partition the stream of this incarnation of its topic."""
        one.topic_id, one.generation = topic_id, generation
        tp = one.tp
        one.stream = stream_name(self._control.cluster, self._group, tp.topic, topic_id, tp.partition, generation)

    def _settle(
        self,
        one: Partition,
        facts: Mapping[str, TopicFact],
        stored: Mapping[str, int],
        committed: Committed | None,
        begin: int,
        end: int,
    ) -> str | None:
        names = [self._name(one, facts, generation) for generation in range(GENERATIONS)]
        newest = max((n for n, name in enumerate(names) if name in stored), default=0)
        # A commit for another stream of that name was meant for a topic that is no more.
        group = committed.offset if committed is not None and committed.note in ("", names[newest]) else None
        found = place(
            str(one), stored=stored.get(names[newest]), committed=group, begin=begin, end=end, generation=newest
        )
        topic, id = one.tp.topic, facts[one.tp.topic].id
        self.rename(one, id, found.generation)
        one.rewind(found.position)
        one.known = names[newest] in stored and found.position == stored[names[newest]]
        if id is None or self._ids.setdefault(topic, id) == id:
            return found.alarm
        self._ids[topic] = id  # it was away for a while, and with it what the broker remembered
        return found.alarm or made_anew(topic, id)

    def _name(self, one: Partition, facts: Mapping[str, TopicFact], generation: int) -> str:
        topic, partition = one.tp
        return stream_name(self._control.cluster, self._group, topic, facts[topic].id, partition, generation)


def made_anew(topic: str, id: str | None) -> str:
    """The alarm for a topic that was deleted and made again under its name."""
    known = f" (its id is {id} now)" if id is not None else ""
    return f"topic {topic!r} was made anew{known}: it is read from its beginning, as a new stream"


async def ends_of(
    consumer: Any, partitions: Iterable[TopicPartition]
) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    """The first offset of each partition that is there, and the one after the last. Raises Transient."""
    wanted = list(partitions)
    try:
        async with asyncio.timeout(ANSWER_TIME):
            begins, ends = await asyncio.gather(consumer.beginning_offsets(wanted), consumer.end_offsets(wanted))
    except (errors.KafkaError, OSError, TimeoutError) as error:
        raise fault(error, "offsets of the broker") from error
    return begins, ends

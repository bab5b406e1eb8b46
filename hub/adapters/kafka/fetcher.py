"""The task that fetches: ahead of what is handed out, within bounds, and never a record of the wrong topic.

Invariant: this task alone calls `getmany`, and nobody cancels it there. What it keeps was fetched before its topic's id
was looked at and found unchanged, so that records of a topic made anew are never taken for those of the old one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from aiokafka import TopicPartition, errors

from hub.adapters.kafka.assignment import Assignment
from hub.adapters.kafka.committer import Committer
from hub.adapters.kafka.control import Control
from hub.adapters.kafka.placement import Placement, made_anew
from hub.adapters.kafka.record import message_of
from hub.errors import Transient
from hub.telemetry import get_logger

_log = get_logger("hub.adapters.kafka")

AHEAD: Final = 2
"""How many deliveries of a partition are fetched ahead."""
AHEAD_BYTES: Final = 8 * 2**20
"""Past so many bytes waiting, nothing more is fetched."""
RETRY: Final = 1.0

_IDLE_MS: Final = 250
_BUSY_MS: Final = 20
_NOBODY: Final = TopicPartition("", -1)


class Fetcher:
    """`alarm` is told what was lost."""

    def __init__(
        self,
        name: str,
        consumer: Any,
        control: Control,
        placement: Placement,
        assignment: Assignment,
        committer: Committer,
        max_records: int,
        alarm: Callable[[str], None],
    ) -> None:
        self._name = name
        self._consumer = consumer
        self._control = control
        self._placement = placement
        self._assignment = assignment
        self._committer = committer
        self._max_records = max_records
        self._alarm = alarm
        self.stopping = False

    async def run(self) -> None:
        """Fetch until `stopping`. Raises what aiokafka raises."""
        while not self.stopping:
            if self._assignment.unplaced():
                await self._place()
            wanted = self._wanted()
            if not wanted:
                await self._rest()
                continue
            # Where some partitions are full, they are looked at again soon.
            patience = _IDLE_MS if len(wanted) == len(self._assignment.partitions) else _BUSY_MS
            try:
                found = await self._consumer.getmany(*wanted, timeout_ms=patience, max_records=self._max_records)
            except errors.OffsetOutOfRangeError as error:
                await self._out_of_range(error.args[0])
            except errors.NoOffsetForPartitionError:
                continue  # it was given to us in this moment, and is placed next
            else:
                if found:
                    await self._arrive(found)

    def _wanted(self) -> list[TopicPartition]:
        """The partitions that there is room for."""
        if self._assignment.bytes >= AHEAD_BYTES:
            return []
        bound = AHEAD * self._max_records
        return [one.tp for one in self._assignment.placed() if len(one.messages) < bound]

    async def _rest(self) -> None:
        """Wait until there is room. Asking for nothing now and then keeps aiokafka from thinking that nobody polls, and
        lets it say what keeps the group from giving us partitions: it tells only who asks, and waits until then."""
        room = self._assignment.room
        room.clear()
        try:
            async with asyncio.timeout(RETRY):
                await room.wait()
        except TimeoutError:
            if self._assignment.partitions:
                await self._consumer.getmany(_NOBODY, timeout_ms=0)
            else:
                self._consumer._coordinator.check_errors()

    async def _arrive(self, found: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """Keep what was fetched, if its topics are still those that they were."""
        known = self._assignment.partitions
        epochs = [(one, one.epoch) for tp in found if (one := known.get(tp)) is not None and one.position is not None]
        for one, _ in epochs:
            one.moving = True
        facts = await self._control.topics({one.tp.topic for one, _ in epochs}) if self._control.has_ids else {}
        for one, epoch in epochs:
            one.moving = False
            if not one.live or not one.current or one.epoch != epoch:
                continue
            if facts and facts[one.tp.topic].id != one.topic_id:
                self._renewed(one.tp.topic, facts[one.tp.topic].id)
                continue
            records = found[one.tp]
            one.add([message_of(self._name, record) for record in records], [record.offset for record in records])
            self._assignment.offer(one)

    def _renewed(self, topic: str, id: str | None) -> None:
        """The topic was made anew under its name: its partitions are placed again, as those of another stream."""
        self._alarm(made_anew(topic, id))
        for one in self._assignment.placed():
            if one.tp.topic == topic:
                self._assignment.replace(one)

    async def _out_of_range(self, partitions: Mapping[TopicPartition, int]) -> None:
        """The broker has nothing at these positions. It may say so twice."""
        for tp in partitions:
            one = self._assignment.partitions.get(tp)
            if one is None or one.position is None:
                continue
            fact = await self._control.topic(tp.topic)
            if fact.exists and fact.id != one.topic_id:
                self._renewed(tp.topic, fact.id)
                continue
            found = await self._placement.again(self._consumer, one)
            if not one.live or not one.current:
                continue
            if found.generation != one.generation:
                fresh = self._assignment.replace(one)
                self._placement.rename(fresh, one.topic_id, found.generation)
                one = fresh
            one.position = one.reached = found.position
            one.seek(self._consumer)
            if found.alarm is not None:
                self._alarm(found.alarm)

    async def _place(self) -> None:
        """Find out where to begin; a database or a broker that is away is waited for."""
        unplaced = self._assignment.unplaced()
        try:
            alarms = await self._placement.place(self._consumer, unplaced)
        except Transient as error:
            _log.warning("cannot tell yet where to go on", adapter=self._name, reason=str(error))
            await asyncio.sleep(RETRY)
            return
        for one in unplaced:
            if one.live and one.position is not None:
                one.seek(self._consumer)
                if one.known:
                    self._committer.note(one.tp, one.position, one.stream)
                _log.info("reading goes on", adapter=self._name, partition=str(one), offset=one.position)
        for alarm in alarms:
            self._alarm(alarm)
        if all(one.position is None for one in unplaced):
            await asyncio.sleep(RETRY)  # their topics are gone; a rebalance takes them away

"""The partitions that are this member's now, whose turn it is, and what is out.

Invariant: a partition has one delivery out at a time. After `forget` nothing of the partitions that were ours is handed
out, and what comes back of them changes nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from aiokafka import TopicPartition

from hub.adapters.kafka.partition import Partition
from hub.ports import Delivery


class Assignment:
    """`arrived` is set when something can be handed out, `room` when something was, `returned` when something came
    back. While `closing` nothing is handed out."""

    def __init__(self) -> None:
        self.partitions: dict[TopicPartition, Partition] = {}
        self.arrived = asyncio.Event()
        self.room = asyncio.Event()
        self.returned = asyncio.Event()
        self.closing = False
        self._ready: deque[Partition] = deque()
        self._out: set[Partition] = set()

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """These and no other are ours."""
        self.forget()
        self.closing = False
        self.partitions = {tp: Partition(tp) for tp in sorted(partitions)}
        self.room.set()

    def forget(self) -> None:
        """None is ours any more."""
        for one in (*self.partitions.values(), *self._ready, *self._out):
            one.live = False
        self.partitions = {}
        self._ready.clear()
        self._out.clear()
        self.returned.set()

    def replace(self, one: Partition) -> Partition:
        """Another stream in the place of this one, of which only what was fetched is left."""
        one.current = False
        fresh = self.partitions[one.tp] = Partition(one.tp)
        return fresh

    def offer(self, one: Partition) -> None:
        """Queue a partition up if there is something to hand out."""
        if one.live and one.messages and one.flying is None and one not in self._ready:
            self._ready.append(one)
            self.arrived.set()

    def take(self, limit: int) -> Delivery | None:
        """The next delivery, None when there is nothing."""
        while self._ready and not self.closing:
            one = self._ready.popleft()
            if one.live and one.messages and one.flying is None:
                self._out.add(one)
                self.room.set()
                return one.take(limit)
        return None

    def back(self, delivery: Delivery) -> Partition | None:
        """The partition of a delivery that comes back, None if it is no longer ours."""
        one: Partition = delivery.token
        if one.flying is not delivery:
            return None
        one.flying = None
        self._out.discard(one)
        self.returned.set()
        return one if one.live else None

    async def all_back(self) -> None:
        """Wait until nothing is out."""
        while self._out:
            self.returned.clear()
            await self.returned.wait()

    @property
    def bytes(self) -> int:
        """Bytes of messages that wait to be handed out."""
        return sum(one.bytes for one in self.partitions.values())

    @property
    def leavings(self) -> bool:
        """Whether messages of a stream that cannot be fetched again still wait."""
        return any(not one.current for one in self._ready)

    def placed(self) -> list[Partition]:
        return [one for one in self.partitions.values() if one.position is not None]

    def unplaced(self) -> list[Partition]:
        return [one for one in self.partitions.values() if one.position is None]

"""The group's own offsets, told to the broker behind the database's.

Invariant: what is committed here was committed in the database before, so the broker's offset is never ahead of it. It
is for people and tools that look at the group, and for a database that forgot: nobody waits for it, and a commit that
fails is only a commit that comes later.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiokafka import TopicPartition, errors

from hub.telemetry import get_logger

_log = get_logger("hub.adapters.kafka")
_PAUSE: Final = 0.1


class Committer:
    """`consumer` is an AIOKafkaConsumer of a group."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._noted: dict[TopicPartition, tuple[int, str]] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """The task that commits: it ends by a fault only, until `close`."""
        self._task = asyncio.create_task(self._run(), name="committing offsets")
        return self._task

    def note(self, tp: TopicPartition, position: int, stream: str) -> None:
        """`position` is durable; `stream` goes beside it, so that it is never taken for a later topic of that name."""
        self._noted[tp] = (position, stream)
        self._wake.set()

    async def hand_over(self, seconds: float) -> None:
        """Commit what is noted, as far as that goes in this time, and forget the rest: the partitions go to others.
        Raises nothing."""
        try:
            async with asyncio.timeout(seconds):
                await self._commit()
        except TimeoutError:
            _log.debug("offsets were not committed in time")
        self._noted.clear()

    async def close(self, seconds: float) -> None:
        """Hand over and end; harmless when never started."""
        if self._task is not None:
            await self.hand_over(seconds)
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._commit()
            await asyncio.sleep(_PAUSE)

    async def _commit(self) -> None:
        noted, self._noted = self._noted, {}
        if not noted:
            return
        try:
            await self._consumer.commit(noted)
        except errors.KafkaError as error:  # a rebalance, mostly: the partitions' next owner asks the database
            _log.debug("offsets were not committed", reason=repr(error))

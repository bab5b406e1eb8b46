"""Ends that wait to be written, and the flushes that write them: what ends while they are in flight goes with the next.

Invariant: an end is in one flush only. With one flush at a time ends are written in the order in which they were put.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hub.model import Settlement
from hub.queue.attempt import Attempt

Ended = tuple[Attempt, Settlement]


class Flushes:
    """`flush` is given what has ended, at most `abreast` times at once; nothing at all where `due` asks for it."""

    def __init__(
        self,
        name: str,
        flush: Callable[[list[Ended]], Awaitable[None]],
        abreast: int = 1,
        due: Callable[[], bool] = lambda: False,
    ) -> None:
        self._name = name
        self._flush = flush
        self._abreast = abreast
        self._due = due
        self._waiting: list[Ended] = []
        self._begins = False
        self.under_way: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many ends wait."""
        return len(self._waiting)

    def put(self, ended: Ended) -> None:
        """Write this end with the next flush."""
        self._waiting.append(ended)
        self.start()

    def start(self) -> None:
        """There is something to do: one flush more, unless one begins in any case."""
        if not self._begins and len(self.under_way) < self._abreast:
            self._begins = True
            self.under_way.add(asyncio.get_running_loop().create_task(self._run(), name=self._name))

    async def _run(self) -> None:
        try:
            await asyncio.sleep(0)  # whatever ends in this turn of the loop joins
            while self._waiting or self._due():
                batch, self._waiting = self._waiting, []
                self._begins = False
                await self._flush(batch)
        finally:
            self._begins = False
            if (task := asyncio.current_task()) is not None:
                self.under_way.discard(task)

"""Messages that have arrived and are not acknowledged, in the order in which they came.

Invariant: what is held (waiting, or out with the core) is bounded in number and in bytes, whatever the broker sends:
past a bound the connection is not read. Mosquitto 2.0.11 sends far more than its Receive Maximum once messages are
acknowledged in batches.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from hub.adapters.mqtt.packets import Arrived

BYTES = 64 * 1024 * 1024


class Inbox:
    """Of one connection. `limit` is in messages: a broker that keeps to it never fills the inbox."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Arrived] = deque()
        self._held = 0
        self._bytes = 0
        self.changed = asyncio.Event()
        self.filled = asyncio.Event()

    @property
    def held(self) -> int:
        return self._held

    @property
    def full(self) -> bool:
        return self._held > self._limit or self._bytes >= BYTES

    def put(self, arrived: Arrived) -> None:
        self._waiting.append(arrived)
        self._held += 1
        self._bytes += arrived.size
        self.changed.set()
        if self.full:
            self.filled.set()

    def take(self) -> list[Arrived]:
        """Everything that waits, up to the limit."""
        taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._limit))]
        if not self._waiting:
            self.changed.clear()
        return taken

    def give_back(self, taken: Sequence[Arrived]) -> None:
        """Nothing was done with them: they are next again."""
        self._waiting.extendleft(reversed(taken))
        self.changed.set()

    def done(self, taken: Sequence[Arrived]) -> None:
        """They are acknowledged."""
        self._held -= len(taken)
        self._bytes -= sum(one.size for one in taken)
        if not self.full:
            self.filled.clear()

"""A cache in the process itself: for one instance, and for tests of what stands on a cache.

Invariant: whole operations under one lock of the thread kind, since the heartbeat's thread takes part.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_SWEEP = 1000


class MemoryCache:
    """See hub.ports.Cache. `now` says what time it is, in seconds."""

    adapter = "memory"
    shared = False

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.guard = threading.Lock()
        self._values: dict[str, tuple[bytes, float]] = {}
        self._writes = 0
        self._last = 0

    async def ping(self) -> None:
        pass

    async def get(self, name: str) -> bytes | None:
        with self.guard:
            return self.peek(name)

    async def set(self, name: str, value: bytes, ttl: float) -> None:
        with self.guard:
            self.put(name, value, ttl)

    async def delete(self, name: str) -> None:
        with self.guard:
            self._values.pop(name, None)

    async def close(self) -> None:
        pass

    # --- for those who hold `guard` ---------------------------------------------------------------------------------

    def peek(self, name: str) -> bytes | None:
        value, until = self._values.get(name, (None, 0.0))
        return value if until > self.now() else None

    def put(self, name: str, value: bytes, ttl: float) -> None:
        self._writes += 1
        if not self._writes % _SWEEP:
            now = self.now()
            self._values = {key: kept for key, kept in self._values.items() if kept[1] > now}
        self._values[name] = (value, self.now() + ttl)

    def next(self) -> int:
        """A number greater than all before it."""
        self._last += 1
        return self._last

    def drop(self, name: str) -> None:
        self._values.pop(name, None)

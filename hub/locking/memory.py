"""Locks inside one process.

Invariant: each call is one step under the cache's guard: no two owners ever hold a name at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from hub.cache.memory import MemoryCache
from hub.locking.value import owner_of, value_of
from hub.ports import Locks


class MemoryLocks:
    """See hub.ports.Locks."""

    def __init__(self, cache: MemoryCache) -> None:
        self._cache = cache

    async def acquire(self, names: Sequence[str], owner: str, ttl: float) -> dict[str, int]:
        granted: dict[str, int] = {}
        with self._cache.guard:
            for name in names:
                held = self._cache.peek(name)
                if held is None or owner_of(held) == owner:
                    granted[name] = token = self._cache.next()
                    self._cache.put(name, value_of(owner, token), ttl)
        return granted

    async def renew(self, held: Mapping[str, int], owner: str, ttl: float) -> set[str]:
        with self._cache.guard:
            mine = self._mine(held, owner)
            for name in mine:
                self._cache.put(name, value_of(owner, held[name]), ttl)
        return mine

    async def release(self, held: Mapping[str, int], owner: str) -> set[str]:
        with self._cache.guard:
            mine = self._mine(held, owner)
            for name in mine:
                self._cache.drop(name)
        return mine

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[Locks]:
        yield self

    def _mine(self, held: Mapping[str, int], owner: str) -> set[str]:
        return {name for name, token in held.items() if self._cache.peek(name) == value_of(owner, token)}

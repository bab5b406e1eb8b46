"""Locks in Memcached: `add` takes what nobody holds, `cas` changes what has not changed since it was read.

Invariant: every write is an add or a cas, so that a name has one owner; the commands of a call travel together, and a
call takes a fixed number of trips, whatever the number of names, and one time limit for all of them. The server counts
whole seconds: a lock lasts up to one second longer than it was asked for.

Memcached may throw out what it has no room for: a lock can be lost early, which the database's fence makes harmless.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from hub.cache.memcached import MemcachedCache
from hub.locking.value import owner_of, value_of
from hub.ports import Locks

_COUNTER = "locks"
_NO_TOKEN = 0
"""Under a name that was taken a moment ago; no grant has it."""


class MemcachedLocks:
    """See hub.ports.Locks."""

    def __init__(self, cache: MemcachedCache) -> None:
        self._cache = cache
        self._highest = 0

    async def acquire(self, names: Sequence[str], owner: str, ttl: float) -> dict[str, int]:
        if not names:
            return {}
        async with self._cache.limited():
            return await self._acquire(names, owner, ttl)

    async def renew(self, held: Mapping[str, int], owner: str, ttl: float) -> set[str]:
        return await self._change(held, owner, ttl)

    async def release(self, held: Mapping[str, int], owner: str) -> set[str]:
        return await self._change(held, owner, 0)

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[Locks]:
        cache = self._cache.again()
        try:
            yield MemcachedLocks(cache)
        finally:
            await cache.close()

    async def _acquire(self, names: Sequence[str], owner: str, ttl: float) -> dict[str, int]:
        await self._cache.store([("add", name, value_of(owner, _NO_TOKEN), ttl, None) for name in names])
        found = await self._cache.found(names)
        mine = {name: unique for name, (value, unique) in found.items() if owner_of(value) == owner}
        if not mine:
            return {}
        # Only now that the names are ours: a token from before could be lower than that of somebody who held and
        # released the name in the meantime.
        tokens = await self._tokens(list(mine))
        granted = await self._cache.store(
            [("cas", name, value_of(owner, tokens[name]), ttl, unique) for name, unique in mine.items()]
        )
        return {name: tokens[name] for name, taken in zip(mine, granted, strict=True) if taken}

    async def _change(self, held: Mapping[str, int], owner: str, ttl: float) -> set[str]:
        values = {name: value_of(owner, token) for name, token in held.items()}
        async with self._cache.limited():
            found = await self._cache.found(list(held))
            mine = {name: unique for name, (value, unique) in found.items() if value == values[name]}
            stored = await self._cache.store(
                [("cas", name, values[name], ttl, unique) for name, unique in mine.items()]
            )
        return {name for name, done in zip(mine, stored, strict=True) if done}

    async def _tokens(self, names: Sequence[str]) -> dict[str, int]:
        """A token for each name. The counter begins at the time in microseconds: after the server has forgotten
        everything it goes on above what it gave before."""
        least = self._highest + 1
        last = await self._cache.increase(_COUNTER, len(names), first=max(time.time_ns() // 1000, least), least=least)
        self._highest = last
        return {name: last - index for index, name in enumerate(names)}

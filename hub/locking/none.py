"""No locks: whoever asks gets them.

Invariant: nobody ever waits for anybody here; tokens grow all the same.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from hub.ports import Locks


class NoLocks:
    """See hub.ports.Locks."""

    def __init__(self) -> None:
        self._tokens = itertools.count(1)

    async def acquire(self, names: Sequence[str], owner: str, ttl: float) -> dict[str, int]:
        return {name: next(self._tokens) for name in names}

    async def renew(self, held: Mapping[str, int], owner: str, ttl: float) -> set[str]:
        return set(held)

    async def release(self, held: Mapping[str, int], owner: str) -> set[str]:
        return set(held)

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[Locks]:
        yield self

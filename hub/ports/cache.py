"""What the hub asks of a cache, and of the locks that stand on one.

Invariant: values and Protocols only. Nothing here is an authority: a cache that is away, slow, emptied or wrong costs
speed and never a job. Every call ends within the cache's time limit, or raises CacheUnavailable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Cache(Protocol):
    """Small values under names, for a while."""

    @property
    def adapter(self) -> str:
        """'redis', 'memcached' or 'memory'."""
        ...

    @property
    def shared(self) -> bool:
        """Whether other processes see the same."""
        ...

    async def ping(self) -> None:
        """Raises CacheUnavailable when nobody answers in time."""
        ...

    async def get(self, name: str) -> bytes | None: ...

    async def set(self, name: str, value: bytes, ttl: float) -> None:
        """Keep `value` for `ttl` seconds."""
        ...

    async def delete(self, name: str) -> None: ...

    async def close(self) -> None:
        """Disconnect; harmless when not connected. Raises nothing."""
        ...


class Locks(Protocol):
    """Named locks with an owner and a time to live. A lock is a name held by one owner until it is released or its
    time is over; its fencing token is greater than every one that was given before for that name.

    Raises CacheUnavailable.
    """

    async def acquire(self, names: Sequence[str], owner: str, ttl: float) -> dict[str, int]:
        """Take the names that nobody else holds, in one round trip: name → token. What `owner` holds already is
        granted anew, with a new token. `ttl` in seconds."""
        ...

    async def renew(self, held: Mapping[str, int], owner: str, ttl: float) -> set[str]:
        """Extend locks (name → token); the names that were still this owner's."""
        ...

    async def release(self, held: Mapping[str, int], owner: str) -> set[str]:
        """Give locks up (name → token); the names that were still this owner's. Others stay as they are."""
        ...

    def apart(self) -> AbstractAsyncContextManager[Locks]:
        """The same locks, usable in another thread's event loop (the heartbeat's)."""
        ...


class Channels(Protocol):
    """Notifications between instances: they only make things quicker, any of them may be lost."""

    def publish(self, channel: str, text: str) -> None:
        """Tell the other instances, soon; never waits, never raises."""
        ...

    def listen(self, channel: str, heard: Callable[[str], None], missed: Callable[[], None]) -> None:
        """Call `heard` with what others publish, and `missed` when some may have been lost."""
        ...

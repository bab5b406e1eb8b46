"""What an instance shares with others through the cache: locks and notifications, with the cache there or not.

Invariant: without a configured cache there is nothing here that the hub would ask: no lock, no channel, no connection.
"""

from __future__ import annotations

from hub.cache import CacheSettings, open_cache, open_channels
from hub.cache.redis import RedisCache
from hub.clock import Clock
from hub.locking.mode import CacheMode, ModalLocks
from hub.locking.opening import open_locks
from hub.locking.states import ModalStates, RedisStates
from hub.ports import Cache, Locks
from hub.ports.limits import States


class Sharing:
    """start, stop; `locks` and `channels` are None where there is no cache that could carry them."""

    def __init__(self, settings: CacheSettings | None, instance: str, clock: Clock, *, notify: bool) -> None:
        """`notify`: the database tells other instances nothing, so that the cache is to. Raises AddressInvalid."""
        cache = open_cache(settings) if settings is not None else None
        self.cache: Cache | None = cache
        self.mode = CacheMode(cache, clock)
        self.locks: Locks | None = ModalLocks(open_locks(cache), self.mode) if cache is not None else None
        self.channels = open_channels(cache, instance, clock) if cache is not None and notify else None

    async def start(self) -> None:
        """Look for the cache; never fails for its sake."""
        await self.mode.start()

    def listen(self) -> None:
        """Hear from other instances, once everybody has said what they want to hear."""
        if self.channels is not None:
            self.channels.start()

    async def stop(self) -> None:
        if self.channels is not None:
            await self.channels.stop()
        await self.mode.stop()

    def states(self, otherwise: States) -> States:
        """Where the state of limits is kept: in Redis while it is there, else as given."""
        return (
            ModalStates(RedisStates(self.cache), otherwise, self.mode)
            if isinstance(self.cache, RedisCache)
            else otherwise
        )

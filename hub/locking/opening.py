"""From a cache to the locks on it."""

from __future__ import annotations

from hub.cache.memcached import MemcachedCache
from hub.cache.memory import MemoryCache
from hub.cache.redis import RedisCache
from hub.locking.memcached import MemcachedLocks
from hub.locking.memory import MemoryLocks
from hub.locking.none import NoLocks
from hub.locking.redis import RedisLocks
from hub.ports import Locks


def open_locks(cache: RedisCache | MemcachedCache | MemoryCache | None) -> Locks:
    """The locks that stand on `cache`; without one, locks that everybody always gets."""
    match cache:
        case RedisCache():
            return RedisLocks(cache)
        case MemcachedCache():
            return MemcachedLocks(cache)
        case MemoryCache():
            return MemoryLocks(cache)
        case None:
            return NoLocks()

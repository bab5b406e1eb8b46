"""From an address to a client.

Invariant: opening connects to nothing; the first call does.
"""

from __future__ import annotations

import msgspec

from hub.cache.backplane import RedisBackplane
from hub.cache.channels import RedisChannels
from hub.cache.memcached import MemcachedCache
from hub.cache.memory import MemoryCache
from hub.cache.redis import RedisCache
from hub.clock import Clock
from hub.errors import AddressInvalid


class CacheSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`adapter`: 'redis', 'memcached' or 'memory'; `prefix` begins every key; `timeout` in seconds for every call."""

    adapter: str
    url: str | None = None
    prefix: str = "hub:"
    timeout: float = 1.0


AnyCache = RedisCache | MemcachedCache | MemoryCache


def open_cache(settings: CacheSettings) -> AnyCache:
    """A client, connected to nothing yet. Raises AddressInvalid."""
    if settings.adapter == "memory":
        return MemoryCache()
    if settings.url is None:
        raise AddressInvalid(f"a cache of type {settings.adapter} needs an address")
    kind = RedisCache if settings.adapter == "redis" else MemcachedCache
    try:
        return kind(settings.url, prefix=settings.prefix, timeout=settings.timeout)
    except AddressInvalid as error:
        error.field = "cache.url"
        raise


def open_channels(cache: AnyCache, instance: str, clock: Clock) -> RedisChannels | None:
    """Notifications between instances, where the cache can carry them."""
    return RedisChannels(cache, instance, clock) if isinstance(cache, RedisCache) else None


def open_backplane(settings: CacheSettings | None, clock: Clock) -> RedisBackplane | None:
    """The way of sockets to the other instances, where a cache can carry it; with connections of its own."""
    if settings is None or settings.adapter != "redis":
        return None
    cache = open_cache(settings)
    return RedisBackplane(cache, clock) if isinstance(cache, RedisCache) else None

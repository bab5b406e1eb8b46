"""Clients of caches: Redis, Memcached, and one in the process itself.

Invariant: only this package knows the clients' libraries. Every call ends within the time limit, whatever the server
does, and everything that goes wrong is CacheUnavailable.
"""

from hub.cache.opening import CacheSettings, open_backplane, open_cache, open_channels

__all__ = ["CacheSettings", "open_backplane", "open_cache", "open_channels"]

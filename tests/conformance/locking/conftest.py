"""Each implementation of the locks, on a real server where it has one."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.cache import CacheSettings, open_cache
from hub.cache.memory import MemoryCache
from hub.locking import open_locks
from hub.locking.memory import MemoryLocks
from hub.ports import Locks
from tests.servers import MemcachedService, RedisService

TIMEOUT = 2.0
"""For an answer of the server, in seconds: one that is well is never so slow."""


class Backend:
    """Clients of one server, or of one process, that share their locks. `coarse`: the time to live is counted in whole
    seconds."""

    def __init__(self, adapter: str, url: str | None, server: RedisService | MemcachedService | None) -> None:
        self.adapter = adapter
        self.url = url
        self.server = server
        self.coarse = adapter == "memcached"
        self._prefix = f"test-{uuid.uuid4().hex}:"
        self._memory = MemoryCache()
        self._caches: list[Any] = []

    def client(self) -> Locks:
        """One more client, with a connection of its own."""
        if self.adapter == "memory":
            return MemoryLocks(self._memory)
        cache = open_cache(self.settings)
        self._caches.append(cache)
        return open_locks(cache)

    @property
    def settings(self) -> CacheSettings:
        return CacheSettings(adapter=self.adapter, url=self.url, prefix=self._prefix, timeout=TIMEOUT)

    async def close(self) -> None:
        for cache in self._caches:
            await cache.close()


@contextlib.asynccontextmanager
async def _closing(backend: Backend) -> AsyncIterator[Backend]:
    try:
        yield backend
    finally:
        await backend.close()


@pytest.fixture(
    params=[
        pytest.param("redis", marks=pytest.mark.redis),
        pytest.param("memcached", marks=pytest.mark.memcached),
        "memory",
    ]
)
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    """On the server that all tests share."""
    found = request.param
    server = None if found == "memory" else request.getfixturevalue(f"{found}_server")
    async with _closing(Backend(found, server and server.url, server)) as made:
        yield made


@pytest.fixture(
    params=[
        pytest.param("redis", marks=pytest.mark.redis),
        pytest.param("memcached", marks=pytest.mark.memcached),
    ]
)
async def own_backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    """On a server that the test may hurt."""
    server = request.getfixturevalue(f"own_{request.param}")
    async with _closing(Backend(request.param, server.url, server)) as made:
        yield made

"""Locks on a server that answers late: a call waits for one time limit, however many trips it makes."""

from __future__ import annotations

import time

import msgspec
import pytest

from hub.cache import open_cache
from hub.clock import SystemClock
from hub.errors import CacheUnavailable
from hub.locking import CacheMode, open_locks
from hub.locking.mode import ModalLocks
from tests.conformance.locking.conftest import Backend
from tests.servers import Proxy, RedisService

LIMIT = 1.0
LATE = 0.6
"""Seconds for each answer: in time by itself, and too late for the second of two."""


async def test_a_call_of_several_trips_waits_for_one_time_limit(own_backend: Backend) -> None:
    """Redis is sent a script that it does not know; Memcached takes a lock in several trips."""
    assert own_backend.url is not None
    async with Proxy.before(own_backend.url) as proxy:
        settings = msgspec.structs.replace(own_backend.settings, url=proxy.url_through(own_backend.url), timeout=LIMIT)
        cache = open_cache(settings)
        locks = open_locks(cache)
        mode = CacheMode(cache, SystemClock())
        await mode.start()
        try:
            assert mode.reachable
            proxy.delay(LATE)
            with pytest.raises(CacheUnavailable):
                await locks.acquire(["a"], "one", 30)
            # What comes after it in the same claim does not wait any more.
            modal = ModalLocks(locks, mode)
            if isinstance(own_backend.server, RedisService):
                own_backend.server.say("SCRIPT FLUSH")
            began = time.monotonic()
            assert await modal.acquire(["b", "c"], "one", 30) == {"b": 0, "c": 0}
            assert await modal.acquire(["d"], "one", 30) == {"d": 0}
            assert await modal.release({"a": 1}, "one") == set()
            assert LIMIT / 2 < time.monotonic() - began < 2 * LIMIT
            proxy.delay(0.0)
            held = await locks.acquire(["e"], "one", 30)
            assert await locks.release(held, "one") == {"e"}
        finally:
            await mode.stop()

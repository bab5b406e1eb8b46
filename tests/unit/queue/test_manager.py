"""What the queue manager remembers of its locks."""

from typing import cast

from hub.cache.memory import MemoryCache
from hub.locking.memory import MemoryLocks
from hub.queue.manager import Enqueue, QueueManager, Statuses
from hub.queue.store import Store
from hub.testing.clock import FakeClock


def manager(clock: FakeClock) -> QueueManager:
    """One that has locks, and no queue."""
    locks = MemoryLocks(MemoryCache(clock.monotonic))
    return QueueManager(
        cast(Store, None), cast(Enqueue, None), cast(Statuses, None), clock, "i", locks, MemoryCache(clock.monotonic)
    )


async def test_locks_that_nobody_releases_are_forgotten_with_their_time() -> None:
    clock = FakeClock()
    found = manager(clock)
    assert await found.acquire_lock("kept", 3600.0)
    for number in range(5000):
        assert await found.acquire_lock(f"order {number}", 1.0)
        clock.advance(0.1)
    assert len(found._held) < 200
    assert await found.release_lock("kept")
    assert not await found.release_lock("order 1")
    assert await found.release_lock("order 4999")


async def test_locks_that_are_good_are_all_remembered() -> None:
    found = manager(FakeClock())
    for number in range(500):
        assert await found.acquire_lock(f"order {number}", 60.0)
    assert all([await found.release_lock(f"order {number}") for number in range(500)])

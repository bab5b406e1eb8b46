"""What the queue manager remembers of its locks."""

from typing import cast

import pytest

from hub.cache.memory import MemoryCache
from hub.errors import Rejected
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


async def test_who_asks_twice_gets_a_lock_once() -> None:
    clock = FakeClock()
    found = manager(clock)
    first = await found.acquire_lock("report", 5.0)
    assert first is not None
    assert await found.acquire_lock("report", 5.0) is None
    clock.advance(5.1)
    second = await found.acquire_lock("report", 5.0)
    assert second is not None
    assert second > first
    assert await found.release_lock("report")
    assert await found.acquire_lock("report", 5.0) is not None


async def test_what_is_no_time_no_word_and_no_job_is_refused() -> None:
    found = manager(FakeClock())
    for ttl in (0, -1.0, float("nan"), 1e300, float("inf"), "5"):
        with pytest.raises(Rejected, match="ttl"):
            await found.acquire_lock("report", ttl)  # type: ignore[arg-type]  # what is tested
    with pytest.raises(Rejected, match="name"):
        await found.acquire_lock("\ud800")
    for word in (5, "\ud800"):
        with pytest.raises(Rejected, match="status"):
            await found.set_job_status("id", word)  # type: ignore[arg-type]  # what is tested
    for handler, options, field in (
        ("", {}, "handler"),
        ("h", {"priority": "x"}, "priority"),
        ("h", {"queue": ""}, "queue"),
    ):
        with pytest.raises(Rejected, match=field):
            await found.enqueue_job(handler, 1, **options)  # type: ignore[arg-type]  # what is tested

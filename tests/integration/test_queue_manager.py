"""The distributed queue manager: enqueue, dequeue, locks and statuses, with a cache and without."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub import Hub
from hub.config.load import build
from hub.errors import Conflict
from hub.model import Status
from tests.servers import RedisService


@pytest.fixture(params=["redis", "memory", None])
async def hub(request: pytest.FixtureRequest, postgres_url: str) -> AsyncIterator[Hub]:
    """One that runs no jobs itself."""
    async with _hub(postgres_url, _cache(request)) as found:
        yield found


def _cache(request: pytest.FixtureRequest) -> dict[str, Any] | None:
    if request.param == "redis":
        server: RedisService = request.getfixturevalue("redis_server")
        return {"adapter": "redis", "url": server.url, "prefix": f"{request.node.name}:"}
    return {"adapter": "memory"} if request.param else None


def _hub(url: str, cache: dict[str, Any] | None) -> Hub:
    document = {"database": {"url": url}, "http": {"port": 0}, **({"cache": cache} if cache else {})}
    return Hub(build(document, {}), roles=["api"])


async def test_jobs_are_taken_in_their_order_and_ended_once(hub: Hub) -> None:
    manager = hub.queue_manager
    low = await manager.enqueue_job("anything", {"n": 1})
    high = await manager.enqueue_job("anything", {"n": 2}, priority=5)
    first, second = await manager.dequeue_job(), await manager.dequeue_job()
    assert first is not None
    assert second is not None
    assert (first.id, second.id) == (high, low)
    assert await manager.dequeue_job() is None
    assert await manager.get_job_status(high) == "processing"
    await manager.complete_job(first, {"done": True})
    assert await manager.get_job_status(high) == "completed"
    with pytest.raises(Conflict):
        await manager.complete_job(first)
    await manager.return_job(second)
    again = await manager.dequeue_job()
    assert again is not None
    assert (again.id, again.retrycount, again.fence) == (low, 0, second.fence + 1)
    assert await hub.records.status(high) == Status.COMPLETED
    assert await manager.get_job_status("nobody") is None


async def test_locks_are_for_one_at_a_time(hub: Hub, postgres_url: str) -> None:
    async with Hub(hub.configuration, roles=["api"]) as other:
        first, second = hub.queue_manager, other.queue_manager
        token = await first.acquire_lock("report")
        assert token is not None
        if not hub.sharing.mode.distributed:
            assert await second.acquire_lock("report") is not None
            return
        assert await second.acquire_lock("report") is None
        assert not await second.release_lock("report")
        assert await first.release_lock("report")
        assert not await first.release_lock("report")
        following = await second.acquire_lock("report")
        assert following is not None
        assert following > token


async def test_a_status_that_was_set_is_what_others_read(hub: Hub) -> None:
    manager = hub.queue_manager
    job_id = await manager.enqueue_job("anything")
    await manager.set_job_status(job_id, "almost there")
    assert await manager.get_job_status(job_id) == ("almost there" if hub.sharing.cache is not None else "pending")

"""Ends of things that may not end.

Invariant: what aiokafka does when it stops never reaches the caller: neither its errors, nor its waiting, nor the
cancellation of its own tasks, which would look like the caller's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

from hub.telemetry import get_logger

_log = get_logger("hub.adapters.kafka")


async def ended(work: Coroutine[Any, Any, Any], what: str, seconds: float) -> bool:
    """Whether `work` came to its end in this time; it is cancelled otherwise."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait((task,), timeout=seconds)
    finally:
        task.cancel()
    await asyncio.wait((task,), timeout=1.0)
    if task.done() and not task.cancelled() and task.exception() is None:
        return True
    _log.debug("did not end by itself", what=what, reason=repr(_why(task)))
    return False


async def consumer_ended(consumer: Any, seconds: float) -> None:
    """Leave the group and close; what is left of a consumer that could not in this time is cancelled.

    Its tasks would live on: they connect again, fetch for nobody, and say to the group that a member is there.
    """
    if not await ended(consumer.stop(), "consumer", seconds):
        tasks = [task for task in _tasks_of(consumer) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)
    # `stop` closes the connections last, and it may not have come to that.
    await ended(consumer._client.close(), "consumer's connections", seconds)


def _tasks_of(consumer: Any) -> Iterator[asyncio.Task[Any] | None]:
    if (coordinator := consumer._coordinator) is not None:
        yield from (coordinator._coordination_task, coordinator._heartbeat_task, coordinator._commit_refresh_task)
    if (fetcher := consumer._fetcher) is not None:
        yield from (fetcher._fetch_task, *fetcher._pending_tasks)


def _why(task: asyncio.Task[Any]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None

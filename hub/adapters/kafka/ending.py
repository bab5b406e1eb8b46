"""Ends of things that may not end.

Invariant: what aiokafka does when it stops never reaches the caller: neither its errors, nor its waiting, nor the
cancellation of its own tasks, which would look like the caller's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
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


def _why(task: asyncio.Task[Any]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None

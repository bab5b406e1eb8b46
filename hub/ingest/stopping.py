"""The end of what an adapter brought in itself, which may take for ever, or fail.

Invariant: whatever an adapter does as it is told to stop, the others stop too, and the hub after them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from hub.ingest.state import explained
from hub.telemetry import get_logger

_log = get_logger("hub.adapters")


async def within(seconds: float, work: Coroutine[Any, Any, None], name: str) -> None:
    """Wait for `work` so long; then it is cancelled and left alone. What it raises is in the log."""
    task = asyncio.get_running_loop().create_task(work, name=f"end of {name}")
    try:
        await asyncio.wait([task], timeout=seconds)
    finally:
        task.cancel()
    if not task.done():
        task.add_done_callback(_heard)
        _log.error("adapter did not close", adapter=name, within=f"{seconds:g} s")
    elif (error := _heard(task)) is not None:
        _log.warning("adapter did not close", adapter=name, error=explained(error))


def _heard(task: asyncio.Task[None]) -> BaseException | None:
    return None if task.cancelled() else task.exception()

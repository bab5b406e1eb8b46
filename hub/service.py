"""The end of a background task.

Invariant: when `end` returns the task has ended, however it takes its cancellation.
"""

from __future__ import annotations

import asyncio
from typing import Any


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for its end. It is asked again each second: a driver that was cut in the middle of
    something may answer with an error of its own, and a loop that survives errors would go on."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1.0)
    if not task.cancelled():
        task.exception()  # looked at: nobody else asks

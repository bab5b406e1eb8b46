"""Waiting for what a test cannot be told of: asked again and again, within a limit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PAUSE = 0.02


def until(happened: Callable[[], object], timeout: float, what: Callable[[], str] | str) -> None:
    """Return once `happened` answers something true. Raises TimeoutError, which says `what` did not come about."""
    deadline = time.monotonic() + timeout
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {timeout:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(PAUSE)


async def until_async(happened: Callable[[], object], timeout: float, what: Callable[[], str] | str) -> None:
    """The same beside a running event loop; `happened` is called in a thread."""
    await asyncio.to_thread(until, happened, timeout, what)

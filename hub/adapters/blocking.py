"""Clients that dial by blocking do so in a thread of their own.

Invariant: nobody waits for such a thread. The loop's executor would be waited for as the hub ends, and a host that
drops packets holds a dial for as long as it may take.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")


def in_thread(work: Callable[[], _T], name: str) -> asyncio.Future[_T]:
    """The answer of `work`, which goes on when it is cancelled; `name` is the thread's."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_T] = loop.create_future()

    def settle(result: Any, error: Exception | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(result)
        else:
            answer.set_exception(error)

    def run() -> None:
        result, fault = None, None
        try:
            result = work()
        except Exception as error:
            fault = error
        try:
            loop.call_soon_threadsafe(settle, result, fault)
        except RuntimeError:
            pass  # the loop has closed; nobody waits for the answer

    threading.Thread(target=run, name=name, daemon=True).start()
    return answer

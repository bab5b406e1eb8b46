"""The wire to the process that started this one: words on standard input, JSON on standard output.

Invariant: when the other end is gone, so are we.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import threading
import time
from typing import Any

import msgspec


class Wire:
    """`await ready()`, then `await heard()` for further words; `tell` answers."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._words: asyncio.Queue[str] = asyncio.Queue()
        threading.Thread(target=self._read, name="wire", daemon=True).start()

    async def ready(self) -> None:
        """Say that everything is connected, and wait for "go"."""
        self.tell({"ready": True})
        await self.heard()

    async def heard(self) -> str:
        return await self._words.get()

    async def done(self, what: dict[str, Any]) -> None:
        """Tell the result, and wait until the server's CPU has been read: what connections cost at their end is no
        part of it."""
        self.tell(what)
        await self.heard()

    def tell(self, what: dict[str, Any]) -> None:
        sys.stdout.write(msgspec.json.encode(what).decode() + "\n")
        sys.stdout.flush()

    def _read(self) -> None:
        for line in sys.stdin:
            self._loop.call_soon_threadsafe(self._words.put_nowait, line.strip())
        os._exit(3)


class Meter:
    """Wall time and this process's CPU since it was made, in seconds."""

    def __init__(self) -> None:
        self._began, self._cpu = time.perf_counter(), _cpu()

    def read(self) -> dict[str, float]:
        return {"seconds": time.perf_counter() - self._began, "cpu": _cpu() - self._cpu}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Tally:
    """Counts handlers that began, and tells when the last one has."""

    def __init__(self, expected: int) -> None:
        self._left = expected
        self._all = asyncio.Event()
        if not expected:
            self._all.set()

    def hit(self) -> None:
        self._left -= 1
        if not self._left:
            self._all.set()

    async def all(self) -> None:
        await self._all.wait()

"""The mode of a cache that answers pings and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hub.clock import SystemClock
from hub.errors import CacheUnavailable
from hub.locking import CacheMode


class PingsOnly:
    """A shared cache as far as a mode looks at one."""

    adapter = "redis"
    shared = True

    async def ping(self) -> None:
        """It is there."""

    async def close(self) -> None:
        """Nothing is open."""


class NoJitter(SystemClock):
    def random(self) -> float:
        return 0.0


@asynccontextmanager
async def mode_of(cache: PingsOnly) -> AsyncIterator[tuple[CacheMode, asyncio.Event]]:
    found = asyncio.Event()
    mode = CacheMode(cache, NoJitter())  # type: ignore[arg-type]  # a mode only pings and closes it
    mode.when_found(found.set)
    await mode.start()
    try:
        yield mode, found
    finally:
        await mode.stop()


async def test_a_cache_that_is_lost_at_once_is_found_ever_more_seldom() -> None:
    async with mode_of(PingsOnly()) as (mode, found):
        pauses = []
        for _ in range(4):
            found.clear()
            began = time.monotonic()
            mode.lost(CacheUnavailable("no answer"))
            async with asyncio.timeout(20):
                await found.wait()
            pauses.append(time.monotonic() - began)
        assert [pause >= least for pause, least in zip(pauses, (0.05, 0.1, 0.2, 0.4), strict=True)] == [True] * 4

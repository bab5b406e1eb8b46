"""The hub's worker waits for single jobs and remembers when the handler of each began.

Invariant: times are of the machine's monotonic clock, which all its processes share. It ends at "stop",
once it has begun what is expected.
"""

from __future__ import annotations

import asyncio
import random
import time

from benchmarks.roles import hub
from benchmarks.roles.wire import Wire
from hub import handler


async def run(wire: Wire, *, url: str, own: int = 0, expected: int = 0) -> None:
    """With `own`, this process enqueues that many jobs itself and answers their delays."""
    began: dict[int, int] = {}
    arrived = asyncio.Event()

    @handler("benchmark.stamp")
    async def stamp(payload: int) -> None:
        began[payload] = time.monotonic_ns()
        arrived.set()

    async with hub.started(url) as database:
        engine = hub.engine(database, 100, stamp)
        await wire.ready()
        await engine.start()
        committed: dict[int, int] = {}
        for number in range(own):
            await asyncio.sleep(random.uniform(0.005, 0.05))
            arrived.clear()
            await engine.commit.enqueue(hub.new_job("benchmark.stamp", str(number)))
            committed[number] = time.monotonic_ns()
            while number not in began:
                await arrived.wait()
                arrived.clear()
        wire.tell({"serving": True})
        await wire.heard()
        while len(began) < expected:
            arrived.clear()
            await arrived.wait()
        wire.tell({"began": began, "committed": committed})
        await engine.stop()

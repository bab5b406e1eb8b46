"""What a worker process occupies: with many jobs in flight, and after very many jobs.

Invariant: jobs in flight wait inside their handlers; memory is measured while all of them do.
"""

from __future__ import annotations

import asyncio

from benchmarks.machine import resident
from benchmarks.roles import hub
from benchmarks.roles.wire import Tally, Wire
from hub import handler

_LEG = 100_000
_BATCH = 1_000


async def run(wire: Wire, *, url: str, in_flight: int, marathon: int) -> None:
    """Answers megabytes: `at_rest`, `in_flight`, and after each hundred thousand of `marathon` empty jobs."""
    loaded = Tally(in_flight)
    go_on = asyncio.Event()
    ran = Tally(0)

    @handler("benchmark.wait")
    async def wait() -> None:
        loaded.hit()
        await go_on.wait()

    @handler("benchmark.empty")
    async def empty() -> None:
        ran.hit()

    async with hub.started(url) as database:
        engine = hub.engine(database, in_flight, wait, empty)
        await wire.ready()
        await engine.start()
        at_rest = resident()
        await engine.store.enqueue([hub.new_job("benchmark.wait") for _ in range(in_flight)])
        await loaded.all()
        full = resident()
        go_on.set()
        legs = []
        for _ in range(0, marathon, _LEG):
            ran = Tally(_LEG)
            for _ in range(_LEG // _BATCH):
                await engine.store.enqueue([hub.new_job("benchmark.empty") for _ in range(_BATCH)])
            await ran.all()
            legs.append(resident())
        wire.tell({"at_rest": at_rest, "in_flight": full, "legs": legs})
        await engine.stop()

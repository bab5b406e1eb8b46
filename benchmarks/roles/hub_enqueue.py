"""The hub's bulk enqueue: batches, one after another, each durable before the next.

Invariant: making the rows and their ids is part of what is measured.
"""

from __future__ import annotations

from benchmarks.roles import hub
from benchmarks.roles.wire import Meter, Wire


async def run(wire: Wire, *, url: str, rows: int, batch: int) -> None:
    async with hub.started(url) as database:
        store = hub.store(database)
        await wire.ready()
        meter = Meter()
        for begin in range(0, rows, batch):
            count = min(batch, rows - begin)
            await store.enqueue([hub.new_job("benchmark.empty") for _ in range(count)])
        await wire.done(meter.read())

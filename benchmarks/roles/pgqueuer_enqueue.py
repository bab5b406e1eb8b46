"""pgqueuer's bulk enqueue: lists, one after another, each durable before the next.

Invariant: making the lists is part of what is measured.
"""

from __future__ import annotations

from pgqueuer.adapters.persistence.queries import Queries

from benchmarks.roles import pgqueuer
from benchmarks.roles.wire import Meter, Wire


async def run(wire: Wire, *, url: str, rows: int, batch: int, entrypoint: str = "empty") -> None:
    async with pgqueuer.connected(url, 2) as pool:
        queries = Queries.from_asyncpg_pool(pool)
        await wire.ready()
        meter = Meter()
        for begin in range(0, rows, batch):
            count = min(batch, rows - begin)
            await queries.enqueue([entrypoint] * count, [pgqueuer.PAYLOAD for _ in range(count)], [0] * count)
        await wire.done(meter.read())

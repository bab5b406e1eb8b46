"""pgqueuer's worker empties a queue that was filled before: from its start to the last job logged.

Invariant: a job counts once it has left the queue's table, as with the hub.
"""

from __future__ import annotations

from pgqueuer.core.applications import PgQueuer
from pgqueuer.domain.models import Job

from benchmarks.roles import pgqueuer
from benchmarks.roles.wire import Meter, Tally, Wire


async def run(wire: Wire, *, url: str, jobs: int, batch: int, pool_size: int = 16) -> None:
    tally = Tally(jobs)
    async with pgqueuer.connected(url, pool_size) as pool, pgqueuer.connected(url, pool_size) as handlers_pool:
        queuer = PgQueuer.from_asyncpg_pool(pool)

        @queuer.entrypoint("empty")
        async def empty(job: Job) -> None:
            tally.hit()

        @queuer.entrypoint("insert")
        async def one_insert(job: Job) -> None:
            tally.hit()
            await handlers_pool.execute("INSERT INTO effects (note) VALUES ($1)", str(job.id))

        await wire.ready()
        meter = Meter()
        async with pgqueuer.running(queuer, batch):
            await tally.all()
            await pgqueuer.emptied(handlers_pool)
            await wire.done(meter.read())

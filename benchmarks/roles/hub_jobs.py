"""The hub's worker empties a queue that was filled before: from its start to the last job written.

Invariant: a job counts once its end is committed, not when its handler has returned.
"""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from benchmarks.roles import hub
from benchmarks.roles.wire import Meter, Tally, Wire
from hub import Batch, Job, SyncJob, handler

_INSERT = text("INSERT INTO effects (note) VALUES (:note)")


async def run(wire: Wire, *, url: str, jobs: int, workers: int, pool: int = 16) -> None:
    tally = Tally(jobs)

    @handler("benchmark.empty")
    async def empty() -> None:
        tally.hit()

    @handler("benchmark.insert")
    async def one_insert(job: Job) -> None:
        tally.hit()
        await job.db.execute(_INSERT, {"note": job.id})

    @handler("benchmark.driver")
    async def by_driver(job: Job) -> None:
        tally.hit()
        connection = await job.driver()
        await connection.execute("INSERT INTO effects (note) VALUES ($1)", job.id)

    @handler("benchmark.shared", share_transaction=True)
    async def shared(job: Job) -> None:
        tally.hit()
        await job.db.execute(_INSERT, {"note": job.id})

    @handler("benchmark.shared-driver", share_transaction=True)
    async def shared_by_driver(job: Job) -> None:
        tally.hit()
        connection = await job.driver()
        await connection.execute("INSERT INTO effects (note) VALUES ($1)", job.id)

    @handler("benchmark.batch", batch=200)
    async def batched(batch: Batch[object]) -> None:
        for _ in batch.jobs:
            tally.hit()
        await batch.db.execute(_INSERT, [{"note": job.id} for job in batch.jobs])

    loop = asyncio.get_running_loop()

    @handler("benchmark.sync")
    def in_a_thread(job: SyncJob) -> None:
        loop.call_soon_threadsafe(tally.hit)
        job.db.execute(_INSERT, {"note": job.id})

    handlers = (empty, one_insert, by_driver, shared, shared_by_driver, batched, in_a_thread)
    async with hub.started(url, pool) as database:
        engine = hub.engine(database, workers, *handlers)
        await wire.ready()
        meter = Meter()
        await engine.start()
        await tally.all()
        while engine.state()["held"]:  # noqa: ASYNC110 - nothing tells when the last job is written
            await asyncio.sleep(0.001)
        await wire.done(meter.read())
        await engine.stop()

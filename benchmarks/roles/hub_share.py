"""One of several workers on one queue: each job writes one row. It works until it is told that the queue is empty.

Invariant: it knows nothing of the others; who did how much is the database's business.
"""

from __future__ import annotations

from sqlalchemy import text

from benchmarks.roles import hub
from benchmarks.roles.wire import Meter, Wire
from hub import Job, handler

_INSERT = text("INSERT INTO effects (note) VALUES (:note)")


@handler("benchmark.insert")
async def one_insert(job: Job) -> None:
    await job.db.execute(_INSERT, {"note": job.id})


async def run(wire: Wire, *, url: str, workers: int) -> None:
    async with hub.started(url) as database:
        engine = hub.engine(database, workers, one_insert)
        await wire.ready()
        meter = Meter()
        await engine.start()
        await wire.heard()
        used = meter.read()
        await engine.stop()
        await wire.done(used)

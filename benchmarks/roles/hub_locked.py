"""The hub's worker empties a queue that was filled before, and takes the lock of each job in a cache, or takes none.

Invariant: a job counts once its end is committed and its lock is given up.
"""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from benchmarks.roles import hub
from benchmarks.roles.wire import Meter, Tally, Wire
from hub import Job, handler
from hub.cache import CacheSettings
from hub.locking import Sharing
from hub.queue.engine import Shared

_INSERT = text("INSERT INTO effects (note) VALUES (:note)")


async def run(wire: Wire, *, url: str, jobs: int, workers: int, cache: str | None) -> None:
    tally = Tally(jobs)

    @handler("benchmark.empty")
    async def empty() -> None:
        tally.hit()

    @handler("benchmark.insert")
    async def one_insert(job: Job) -> None:
        tally.hit()
        await job.db.execute(_INSERT, {"note": job.id})

    settings = CacheSettings(adapter=cache.partition("://")[0], url=cache) if cache is not None else None
    sharing = Sharing(settings, hub.STORE.owner, hub.CLOCK, notify=False)
    async with hub.started(url) as database:
        await sharing.start()
        engine = hub.engine(database, workers, empty, one_insert, shared=Shared(sharing.locks))
        await wire.ready()
        meter = Meter()
        await engine.start()
        await tally.all()
        while engine.state()["held"]:  # noqa: ASYNC110 - nothing tells when the last job is written
            await asyncio.sleep(0.001)
        await wire.done(meter.read())
        await engine.stop()
        assert sharing.mode.reachable == (cache is not None), "the cache was lost on the way"
        await sharing.stop()

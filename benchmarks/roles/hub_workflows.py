"""The hub's worker runs workflows that were started before: from its start to the last step written.

Invariant: a step counts once its end is committed; nothing of what a hub does about workflows is left out.
"""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from benchmarks.roles import hub
from benchmarks.roles.hub_workflow_starts import sequence
from benchmarks.roles.wire import Meter, Tally, Wire
from hub import Job, handler
from hub.handlers.registry import Registry
from hub.queue.engine import Engine, EngineSettings
from hub.queue.records import Records
from hub.queue.worker import PoolSettings
from hub.telemetry import Metrics
from hub.workflows.catalog import Catalog
from hub.workflows.install import install

_INSERT = text("INSERT INTO effects (note) VALUES (:note)")


async def run(wire: Wire, *, url: str, workflows: int, steps: int, handler_name: str, workers: int) -> None:
    tally = Tally(workflows * steps)

    @handler("benchmark.empty")
    async def empty(job: Job) -> dict[str, str]:
        tally.hit()
        return {"by": job.id}

    @handler("benchmark.insert")
    async def one_insert(job: Job) -> dict[str, str]:
        tally.hit()
        await job.db.execute(_INSERT, {"note": job.id})
        return {"by": job.id}

    async with hub.started(url) as database:
        registry, metrics = Registry().add(empty, one_insert), Metrics()
        pool = PoolSettings(workers=workers, queues={"default": workers})
        engine = Engine(database, registry, hub.CLOCK, metrics, EngineSettings(store=hub.STORE, pool=pool))
        records = Records(database, engine.store, woken=engine.woken)
        _, monitor = install(
            Catalog([sequence(steps, handler_name)]), database, registry, engine, records, hub.CLOCK, metrics
        )
        await wire.ready()
        meter = Meter()
        await engine.start()
        monitor.start()
        await tally.all()
        while engine.state()["held"]:  # noqa: ASYNC110 - nothing tells when the last job is written
            await asyncio.sleep(0.001)
        await wire.done(meter.read())
        await monitor.stop()
        await engine.stop()

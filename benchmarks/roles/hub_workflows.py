"""The hub's worker runs workflows that were started before: from its start to the last step written.

Invariant: a step counts once its end is committed; nothing of what a hub does about workflows is left out.
"""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from benchmarks.roles import hub
from benchmarks.roles.wire import Meter, Tally, Wire
from hub import Job, handler
from hub.handlers.registry import Registry
from hub.ports import Database
from hub.queue.engine import Engine, EngineSettings
from hub.queue.records import Records
from hub.queue.worker import PoolSettings
from hub.telemetry import Metrics
from hub.workflows.catalog import Catalog
from hub.workflows.control import Workflows
from hub.workflows.definition import Definition, Step
from hub.workflows.install import install
from hub.workflows.start import Start, start

_INSERT = text("INSERT INTO effects (note) VALUES (:note)")
_CONTEXT = '{"order": 7, "customer": "c-1029", "lines": [{"sku": "A-17", "quantity": 3}], "note": "as agreed"}'
_TOGETHER = 500


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

    definition = _sequence(steps, handler_name)
    async with hub.started(url) as database:
        registry, metrics = Registry().add(empty, one_insert), Metrics()
        pool = PoolSettings(workers=workers, queues={"default": workers})
        engine = Engine(database, registry, hub.CLOCK, metrics, EngineSettings(store=hub.STORE, pool=pool))
        records = Records(database, engine.store, woken=engine.woken)
        installed, monitor = install(Catalog([definition]), database, registry, engine, records, hub.CLOCK, metrics)
        await _fill(database, engine, installed, definition, workflows)
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


def _sequence(steps: int, handler_name: str) -> Definition:
    names = [f"step-{number}" for number in range(steps)]
    return Definition(
        type="sequence",
        steps=tuple(
            Step(name=name, handler=handler_name, queue="default", after=(names[number - 1],) if number else ())
            for number, name in enumerate(names)
        ),
    )


async def _fill(database: Database, engine: Engine, workflows: Workflows, definition: Definition, count: int) -> None:
    progress = workflows.progress
    for begun in range(0, count, _TOGETHER):
        starts: list[Start] = [
            start(hub.CLOCK.new_id(), definition, _CONTEXT) for _ in range(min(_TOGETHER, count - begun))
        ]
        await database.run(progress.statement("insert"), [one.execution for one in starts])
        await database.run(progress.statement("save_steps"), [row for one in starts for row in one.steps])
        await engine.store.enqueue([job for one in starts for job in one.jobs], notify=False)

"""Workflows started, hundreds to a transaction, before anything runs them.

Invariant: an execution is here what `start_workflow` makes of it: its row, its first step's, its job.
"""

from __future__ import annotations

from benchmarks.roles import hub
from benchmarks.roles.wire import Meter, Wire
from hub.db.statement import load
from hub.workflows.definition import Definition, Step
from hub.workflows.start import Start, start

_TOGETHER = 500


async def run(wire: Wire, *, url: str, workflows: int, steps: int, handler_name: str) -> None:
    definition = sequence(steps, handler_name)
    async with hub.started(url) as database:
        store = hub.store(database)
        insert, save_steps = (load("hub.workflows", database.dialect, name) for name in ("insert", "save_steps"))
        await wire.ready()
        meter = Meter()
        for begun in range(0, workflows, _TOGETHER):
            count = min(_TOGETHER, workflows - begun)
            starts: list[Start] = [start(hub.CLOCK.new_id(), definition, hub.PAYLOAD) for _ in range(count)]
            await database.run(insert, [one.execution for one in starts])
            await database.run(save_steps, [row for one in starts for row in one.steps])
            await store.enqueue([job for one in starts for job in one.jobs], notify=False)
        await wire.done(meter.read())


def sequence(steps: int, handler_name: str) -> Definition:
    """Steps of one handler, one after another."""
    names = [f"step-{number}" for number in range(steps)]
    return Definition(
        type="sequence",
        steps=tuple(
            Step(name=name, handler=handler_name, queue="default", after=(names[number - 1],) if number else ())
            for number, name in enumerate(names)
        ),
    )

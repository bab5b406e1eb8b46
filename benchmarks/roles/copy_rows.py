"""COPY of the rows that the hub would insert into a table of the same shape, in batches, each committed.

Invariant: the same columns with the same values as the hub's own insert; what it lacks is the answer (which rows were
new) and the wake-up of the workers.
"""

from __future__ import annotations

import asyncpg
from msgspec.structs import astuple

from benchmarks.roles import hub
from benchmarks.roles.wire import Meter, Wire
from hub.model import NewJob

# no column of the table: the statement makes a time of it
_COLUMNS = [name for name in NewJob.__struct_fields__ if name != "delay"]
_DELAY = NewJob.__struct_fields__.index("delay")


async def run(wire: Wire, *, url: str, rows: int, batch: int) -> None:
    connection = await asyncpg.connect(url)
    await wire.ready()
    meter = Meter()
    for begin in range(0, rows, batch):
        count = min(batch, rows - begin)
        records = []
        for _ in range(count):
            values = astuple(hub.new_job("benchmark.empty"))
            records.append(values[:_DELAY] + values[_DELAY + 1 :])
        await connection.copy_records_to_table("queue_copy", records=records, columns=_COLUMNS)
    await wire.done(meter.read())
    await connection.close()

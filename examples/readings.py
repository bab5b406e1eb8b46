"""Readings of sensors, which come by the thousands: many jobs in one commit, in the two ways there are.

`reading.count` shares its transaction: it is written as if it ran alone, and what waits of it runs one after another in
one transaction. `readings.store` takes a batch: one call and one statement for all of them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import insert, update

from examples.tables import counts, have, readings
from hub import Batch, Job, handler
from hub.errors import Permanent

COLDEST = -273.15

_INSERT = insert(readings)


@dataclass(frozen=True, slots=True)
class Reading:
    """`{"sensor": "hall-3", "celsius": 21.5, "at": "2024-01-01T08:00:00Z"}`"""

    sensor: str
    celsius: float
    at: dt.datetime


@handler("reading.count", share_transaction=True)
async def count(reading: Reading, job: Job) -> None:
    """How many readings a sensor has sent. Nothing here waits for anything but `job.db`, once the table is there."""
    await have(job.db, counts)
    found = await job.db.execute(
        update(counts).where(counts.c.sensor == reading.sensor).values(readings=counts.c.readings + 1)
    )
    if not found.rowcount:
        await job.db.execute(insert(counts).values(sensor=reading.sensor, readings=1))


@handler("readings.store", batch=200)
async def store(batch: Batch[Reading]) -> None:
    """Those that make no sense are dead letters; the others are stored by one statement, and stored together."""
    rows = []
    for job, reading in batch:
        if reading.celsius < COLDEST:
            batch.fail(job, Permanent(f"{reading.sensor}: {reading.celsius} °C is colder than it can be"))
        else:
            rows.append({"jobid": job.id, "sensor": reading.sensor, "celsius": reading.celsius, "takenat": reading.at})
    if rows:
        await have(batch.db, readings)
        await batch.db.execute(_INSERT, rows)

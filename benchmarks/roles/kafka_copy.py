"""A bare loop: aiokafka's consumer, COPY into the table of the queue, then the group's offset.

Invariant: each batch is committed before its offset. What it lacks beside the hub: routes, quarantine, the offset in
the same transaction (so a crash between the two makes duplicates), and being fenced.
"""

from __future__ import annotations

import itertools

import asyncpg
from aiokafka import AIOKafkaConsumer

from benchmarks.roles.hub import CLOCK
from benchmarks.roles.wire import Meter, Wire

_COLUMNS = ("id", "handler", "payload", "queue", "typeid", "protocol", "direction", "metadata")


async def run(wire: Wire, *, url: str, broker: str, topic: str, group: str, count: int) -> None:
    connection = await asyncpg.connect(url)
    await wire.ready()
    meter = Meter()
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=broker, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    async with consumer:
        left = count
        while left > 0:
            found = await consumer.getmany(timeout_ms=1000, max_records=500)
            rows = [_row(record) for record in itertools.chain(*found.values())]
            if rows:
                await connection.copy_records_to_table("queue_jobs", records=rows, columns=_COLUMNS)
                await consumer.commit()
                left -= len(rows)
        await wire.done(meter.read())
    await connection.close()


def _row(record: object) -> tuple[object, ...]:
    body: bytes = record.value  # type: ignore[attr-defined]  # aiokafka ships no types
    return CLOCK.new_id(), "benchmark.empty", body.decode(), "default", 0, "kafka", "inbound", "{}"

"""A handler for each message, as frameworks of handlers have it: one INSERT, one commit, one message.

Invariant: a message's offset is committed after its row.
"""

from __future__ import annotations

import asyncpg
from aiokafka import AIOKafkaConsumer

from benchmarks.roles.hub import CLOCK
from benchmarks.roles.wire import Meter, Wire

_INSERT = """INSERT INTO queue_jobs (id, handler, payload, queue, typeid, protocol, direction, metadata)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""


async def run(wire: Wire, *, url: str, broker: str, topic: str, group: str, count: int) -> None:
    connection = await asyncpg.connect(url)
    await wire.ready()
    meter = Meter()
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=broker, group_id=group, auto_offset_reset="earliest", auto_commit_interval_ms=1000
    )
    async with consumer:
        for _ in range(count):
            record = await consumer.getone()
            row = (CLOCK.new_id(), "benchmark.empty", record.value.decode(), "default", 0, "kafka", "inbound", "{}")
            await connection.execute(_INSERT, *row)
        await wire.done(meter.read())
    await connection.close()

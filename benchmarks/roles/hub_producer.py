"""An application that enqueues single jobs in transactions of its own, and remembers when it sent each COMMIT.

Invariant: the time is taken before the COMMIT leaves, so that no delay looks shorter than it was.
"""

from __future__ import annotations

import asyncio
import random
import time

from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.roles import hub
from benchmarks.roles.wire import Wire
from hub.queue.application import enqueue_in


async def run(wire: Wire, *, url: str, jobs: int) -> None:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    committed: dict[int, int] = {}
    async with engine.connect() as connection:
        await wire.ready()
        for number in range(jobs):
            await asyncio.sleep(random.uniform(0.005, 0.05))
            await enqueue_in(connection, [hub.new_job("benchmark.stamp", str(number))], lambda _: None)
            committed[number] = time.monotonic_ns()
            await connection.commit()
    wire.tell({"committed": committed})
    await engine.dispose()

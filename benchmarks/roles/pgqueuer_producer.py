"""An application that enqueues single pgqueuer jobs in transactions of its own, and remembers when it sent each COMMIT.

Invariant: as with the hub's producer: the time is taken before the COMMIT leaves.
"""

from __future__ import annotations

import asyncio
import random
import time

import asyncpg
from pgqueuer.adapters.persistence.queries import Queries

from benchmarks.roles.wire import Wire


async def run(wire: Wire, *, url: str, jobs: int) -> None:
    connection = await asyncpg.connect(url)
    queries = Queries.from_asyncpg_connection(connection)
    committed: dict[int, int] = {}
    await wire.ready()
    for number in range(jobs):
        await asyncio.sleep(random.uniform(0.005, 0.05))
        transaction = connection.transaction()
        await transaction.start()
        await queries.enqueue("stamp", str(number).encode())
        committed[number] = time.monotonic_ns()
        await transaction.commit()
    wire.tell({"committed": committed})
    await connection.close()

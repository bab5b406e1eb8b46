"""pgqueuer's worker waits for single jobs and remembers when the handler of each began.

Invariant: as with the hub's: the machine's monotonic clock, and it ends at "stop", once it has begun what is expected.
"""

from __future__ import annotations

import asyncio
import time

from pgqueuer.core.applications import PgQueuer
from pgqueuer.domain.models import Job

from benchmarks.roles import pgqueuer
from benchmarks.roles.wire import Wire


async def run(wire: Wire, *, url: str, expected: int = 0) -> None:
    began: dict[int, int] = {}
    arrived = asyncio.Event()
    async with pgqueuer.connected(url, 4) as pool:
        queuer = PgQueuer.from_asyncpg_pool(pool)

        @queuer.entrypoint("stamp")
        async def stamp(job: Job) -> None:
            began[int(job.payload or b"")] = time.monotonic_ns()
            arrived.set()

        await wire.ready()
        async with pgqueuer.running(queuer, batch=10):
            wire.tell({"serving": True})
            await wire.heard()
            while len(began) < expected:
                arrived.clear()
                await arrived.wait()
            wire.tell({"began": began})

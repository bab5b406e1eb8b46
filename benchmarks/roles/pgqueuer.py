"""pgqueuer as its documentation runs it: a pool of asyncpg connections, everything else left as it is.

Invariant: settings are its best ones on this machine (docs/benchmarks.md names them), never a handicap.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from pgqueuer.core.applications import PgQueuer

PAYLOAD = b'{"order": 7, "customer": "c-1029", "lines": [{"sku": "A-17", "quantity": 3}], "note": "as agreed"}'


@asynccontextmanager
async def connected(url: str, size: int = 16) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(url, min_size=size, max_size=size) as pool:
        yield pool


@asynccontextmanager
async def running(queuer: PgQueuer, batch: int) -> AsyncIterator[None]:
    """The queue manager at work for the block."""
    task = asyncio.create_task(queuer.qm.run(batch_size=batch))
    try:
        yield
    finally:
        queuer.shutdown.set()
        await task


async def emptied(pool: asyncpg.Pool) -> None:
    """Until no row is left in its queue."""
    while await pool.fetchval("SELECT EXISTS (SELECT FROM pgqueuer)"):  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.002)

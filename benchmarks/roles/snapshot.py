"""A session that keeps a snapshot open until it hears "end": vacuum may remove nothing that is newer.

Invariant: it has read before it says so, as a transaction has no snapshot earlier.
"""

from __future__ import annotations

import asyncpg

from benchmarks.roles.wire import Wire


async def run(wire: Wire, *, url: str) -> None:
    connection = await asyncpg.connect(url)
    await wire.ready()
    async with connection.transaction(isolation="repeatable_read"):
        await connection.fetchval("SELECT count(*) FROM effects")
        wire.tell({"pinned": True})
        await wire.heard()
    await connection.close()

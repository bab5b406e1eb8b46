"""A process that fights for one lock: `python -m tests.conformance.locking.contender`.

Whoever holds the lock writes "in" and "out" with its token into a file that all share. Two that are inside at once show
there as two "in" without an "out" between them.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from hub.cache import CacheSettings, open_cache
from hub.locking import open_locks


async def fight(settings: CacheSettings, journal: Path, rounds: int) -> None:
    cache = open_cache(settings)
    locks = open_locks(cache)
    owner = f"process-{os.getpid()}"
    descriptor = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    while rounds:
        granted = await locks.acquire(["ring"], owner, 30)
        if not granted:
            continue
        token = granted["ring"]
        os.write(descriptor, f"in {token} {owner}\n".encode())
        await asyncio.sleep(0)
        os.write(descriptor, f"out {token} {owner}\n".encode())
        await locks.release(granted, owner)
        rounds -= 1
    await cache.close()


if __name__ == "__main__":
    asyncio.run(fight(msgspec.json.decode(sys.argv[1], type=CacheSettings), Path(sys.argv[2]), int(sys.argv[3])))

"""The load: messages that are inserted beside the workers, and written down once they are acknowledged.

Invariant: an id is in the ledger if and only if its row is known to be committed.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

import msgspec

from hub.clock import SystemClock
from hub.errors import AlreadyExists, DatabaseUnavailable, TransactionConflict
from hub.model import NewJob
from hub.queue.store import Store
from tests.faults.engine import Work, storing
from tests.faults.handlers import KINDS
from tests.faults.ledger import Ledger

_SLICE = 500
_PATIENCE = 120.0


def insert(
    url: str, ledger: Ledger, count: int, *, kinds: Sequence[str] = KINDS, extra: dict[str, str] | None = None
) -> list[str]:
    """Enqueue so many jobs beside the workers; their ids, which are in the ledger once they are committed."""
    return asyncio.run(insert_async(url, ledger, count, kinds=kinds, extra=extra))


async def insert_async(
    url: str, ledger: Ledger, count: int, *, kinds: Sequence[str] = KINDS, extra: dict[str, str] | None = None
) -> list[str]:
    clock, kind = SystemClock(), itertools.cycle(kinds)
    ids: list[str] = []
    async with storing(url, Work()) as store:
        while len(ids) < count:
            jobs = [message(clock.new_id(), next(kind), extra) for _ in range(min(_SLICE, count - len(ids)))]
            await _insist(store, jobs)
            ledger.acknowledged(job.id for job in jobs)
            ids += [job.id for job in jobs]
    return ids


def insert_once(url: str, ledger: Ledger, count: int) -> None:
    """One batch and one try; raises what the store raises."""

    async def work() -> None:
        clock, kind = SystemClock(), itertools.cycle(KINDS)
        async with storing(url, Work()) as store:
            jobs = [message(clock.new_id(), next(kind)) for _ in range(count)]
            await store.enqueue(jobs)
            ledger.acknowledged(job.id for job in jobs)

    asyncio.run(work())


async def _insist(store: Store, jobs: Sequence[NewJob]) -> None:
    """Once it is known that the batch is committed, through whatever happens to the database meanwhile."""
    unknown = False
    async with asyncio.timeout(_PATIENCE):
        while True:
            try:
                await store.enqueue(jobs)
                return
            except TransactionConflict:
                # On SQLite several writers wait for each other in no order, and one may wait too long.
                continue
            except DatabaseUnavailable:
                unknown = True
                await asyncio.sleep(0.05)
            except AlreadyExists:
                if not unknown:
                    raise
                return  # it had been committed, and only the answer was lost


def message(id: str, kind: str, extra: dict[str, str] | None = None) -> NewJob:
    """A job whose payload carries its own id."""
    return NewJob(id=id, handler=kind, payload=msgspec.json.encode({"id": id, **(extra or {})}).decode())

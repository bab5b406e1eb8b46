"""Claims and finishes straight through the hub's store, without workers: what the statements cost on a given table.

Invariant: every claimed job is completed with its history row, and its ordering key is released.
"""

from __future__ import annotations

import asyncio
import time

from benchmarks.figures import percentile
from benchmarks.roles import hub
from benchmarks.roles.wire import Meter, Wire
from hub.errors import AlreadyExists, TransactionConflict
from hub.model import Claim, Settlement
from hub.queue.store import Store

_PARTS = 5


async def run(wire: Wire, *, url: str, jobs: int, batch: int = 200, in_flight: int = 2, longest: float = 40.0) -> None:
    """Ends after `jobs`, when nothing is left, or after `longest` seconds; answers also the rate of each fifth."""
    async with hub.started(url) as database:
        work = _Work(hub.store(database), jobs, batch, time.perf_counter() + longest)
        await wire.ready()
        meter = Meter()
        await asyncio.gather(*(work.claim_and_finish() for _ in range(in_flight)))
        await wire.done({"jobs": work.done, "parts": work.rates(), **work.claims(), **meter.read()})


class _Work:
    def __init__(self, store: Store, jobs: int, batch: int, end: float) -> None:
        self._store = store
        self._jobs = jobs
        self._taken = 0  # claimed, or about to be, and not finished
        self._batch = batch
        self._end = end
        self._claims: list[float] = []
        self._marks = [(0, time.perf_counter())]
        self._part = max(1, jobs // _PARTS)
        self.done = 0

    async def claim_and_finish(self) -> None:
        while self.done < self._jobs and time.perf_counter() < self._end:
            claims = await self._claim()
            if claims:
                await self._finish(claims)
            elif not self._taken and not await self._store.ready():
                break
            else:
                await asyncio.sleep(0.001)  # the other loop has them, or the key that comes before them

    async def _claim(self) -> list[Claim]:
        wanted = min(self._batch, self._jobs - self.done - self._taken)
        if wanted <= 0:
            return []
        self._taken += wanted  # before the other loop looks
        began = time.perf_counter()
        try:
            claims = (await self._store.claim("default", wanted)).claims
        except (TransactionConflict, AlreadyExists):
            claims = []  # another claim took the key first
        self._claims.append(time.perf_counter() - began)
        self._taken += len(claims) - wanted
        return claims

    async def _finish(self, claims: list[Claim]) -> None:
        ends = [Settlement(one.id, one.fence, None, hub.CLOCK.new_id(), 0, one.attempt) for one in claims]
        done = await self._store.complete(ends)
        assert len(done) == len(claims)
        keys = {one.orderingkey for one in claims if one.orderingkey is not None}
        if keys:
            await self._store.release(keys)
        self._taken -= len(done)
        self.done += len(done)
        if self.done - self._marks[-1][0] >= self._part:
            self._marks.append((self.done, time.perf_counter()))

    def claims(self) -> dict[str, float]:
        """Milliseconds."""
        return {"p50": percentile(self._claims, 0.5) * 1000, "p95": percentile(self._claims, 0.95) * 1000}

    def rates(self) -> list[float]:
        """Jobs a second in each fifth."""
        steps = zip(self._marks, self._marks[1:], strict=False)
        return [(later[0] - earlier[0]) / (later[1] - earlier[1]) for earlier, later in steps]

"""Group commit for intake: whatever arrives while the last commit is in flight goes with the next.

Invariant: `enqueue` returns only after the commit that holds its rows; a row that the database refuses fails alone, not
its neighbours. No timer: an idle hub commits at once, a loaded one in large batches.
"""

from __future__ import annotations

import asyncio
import logging

from hub.clock import Clock
from hub.errors import AlreadyExists, DatabaseUnavailable, Rejected, TransactionConflict
from hub.model import Enqueued, NewJob
from hub.queue.arrival import Arrival, Told
from hub.queue.store import Store

_log = logging.getLogger("hub.queue")

_LARGEST = 1000
_RERUNS = 3
_REMEMBERED = 5.0
"""Seconds for which a refused commit says that the database is away. All can be read on a disk that is full: only
another message shows that it is well again, and it would not come to a hub that is never ready."""

_Entry = tuple[NewJob, "asyncio.Future[Enqueued]"]


class GroupCommit:
    """`arrived` is told of rows after their commit."""

    def __init__(self, store: Store, arrived: Told, clock: Clock) -> None:
        self._store = store
        self._arrived = arrived
        self._clock = clock
        self._refused_at: float | None = None
        self._buffer: list[_Entry] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Rows that wait for their commit: what back-pressure looks at."""
        return len(self._buffer)

    @property
    def away(self) -> bool:
        """Whether the database took nothing when it was last asked to, just now."""
        return self._refused_at is not None and self._clock.monotonic() - self._refused_at < _REMEMBERED

    async def enqueue(self, job: NewJob) -> Enqueued:
        """Durable when it returns. Raises as Store.enqueue does."""
        future: asyncio.Future[Enqueued] = asyncio.get_running_loop().create_future()
        self._buffer.append((job, future))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._flush_all(), name="group commit")
        return await future

    async def drain(self) -> None:
        """Wait until everything accepted so far is committed or refused."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _flush_all(self) -> None:
        try:
            await asyncio.sleep(0)  # whatever arrives in this turn of the loop joins
            while self._buffer:
                batch, self._buffer = self._buffer[:_LARGEST], self._buffer[_LARGEST:]
                await self._flush(batch)
        finally:
            self._task = None

    async def _flush(self, batch: list[_Entry]) -> None:
        try:
            answers = await self._write([job for job, _ in batch])
        except (Rejected, AlreadyExists) as error:
            if half := len(batch) // 2:  # in halves: one row that is at fault costs its neighbours few commits
                await self._flush(batch[:half])
                await self._flush(batch[half:])
                return
            _fail(batch, error)
        except Exception as error:
            if isinstance(error, DatabaseUnavailable):
                self._refused(error)
            _fail(batch, error)
        else:
            self._took()
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
            self._arrived(Arrival.of(job for job, _ in batch))

    async def _write(self, jobs: list[NewJob]) -> list[Enqueued]:
        for _ in range(_RERUNS):
            try:
                return await self._store.enqueue(jobs)
            except TransactionConflict:
                continue
        return await self._store.enqueue(jobs)

    def _refused(self, error: DatabaseUnavailable) -> None:
        if self._refused_at is None:
            _log.warning("intake pauses: %s", error)
        self._refused_at = self._clock.monotonic()

    def _took(self) -> None:
        if self._refused_at is not None:
            _log.info("intake goes on")
        self._refused_at = None


def _fail(batch: list[_Entry], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)

"""Group commit of ends: whatever ended while the last flush was in flight goes with the next.

Invariant: the ends of one ordering key commit in order, as they go through one flush at a time. Completions that write
more than their jobs, and have no key, take several trips a flush: some of those are in flight at once. A settlement
leaves the buffer only when it is written or known to be lost; while the database is away it waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

from hub.clock import Clock, backoff
from hub.errors import AlreadyExists, DatabaseUnavailable, HubError, Rejected, TransactionConflict
from hub.model import FINAL, BoundJob, Failure, Settlement, Status
from hub.queue.admission import Admission
from hub.queue.arrival import NOTHING, Arrival, Told
from hub.queue.attempt import Attempt, Completer, Held
from hub.queue.flushes import Ended, Flushes
from hub.queue.store import Store
from hub.telemetry.metrics import Metrics, Run

_log = logging.getLogger("hub.queue")

_WORDS = [status.word for status in Status]


class Settler:
    """`put` ends of attempts; `backlog` tells how many wait. `wake` is told what this process may claim now, `arrived`
    of rows that every instance may claim. `abreast`: how many flushes of completers may be in flight."""

    def __init__(
        self,
        store: Store,
        held: Held,
        clock: Clock,
        metrics: Metrics,
        wake: Callable[[Iterable[str]], None],
        arrived: Told,
        admission: Admission | None = None,
        abreast: int = 1,
    ) -> None:
        self._store = store
        self._held = held
        self._clock = clock
        self._metrics = metrics
        self._wake = wake
        self._ends = Flushes("settler", self._flush, due=lambda: bool(self._keys or self._arrival or self._parents))
        self._completions = Flushes("settler of completions", self._flush, abreast)
        self._keys: set[str] = set()
        self._arrival = NOTHING
        self._parents: set[str] = set()
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._closed = False
        self._arrived = arrived
        self._admission = admission
        self.lost = 0
        self.away = False

    @property
    def backlog(self) -> int:
        return len(self._ends) + len(self._completions)

    def put(self, attempt: Attempt, settlement: Settlement) -> None:
        """Write this end with the next flush."""
        if self._closed:
            # A handler that outlived the shutdown: the database is gone, and a flush would wait for it for ever.
            self.drop(attempt)
            return
        attempt.unwritten = True
        apart = attempt.completer is not None and settlement.statusid == Status.COMPLETED
        flushes = self._completions if apart and attempt.claim.orderingkey is None else self._ends
        flushes.put((attempt, settlement))

    def written(self, attempt: Attempt) -> asyncio.Future[None] | None:
        """A future that is done once the end of `attempt` is written or lost; None if it is already."""
        if not attempt.unwritten:
            return None
        future = self._waiting.get(attempt.claim.id)
        if future is None:
            future = self._waiting[attempt.claim.id] = asyncio.get_running_loop().create_future()
        return future

    def committed(self, attempt: Attempt, arrival: Arrival) -> None:
        """An attempt ended in its own transaction, and gave these rows. Releases its key with the next flush."""
        self.drop(attempt)
        self._metrics.observe_batch((_run(attempt, Status.COMPLETED, self._clock.monotonic() - attempt.started),))
        self._arrival |= arrival
        self._tell_parents(attempt)
        if attempt.claim.orderingkey is not None:
            self._keys.add(attempt.claim.orderingkey)
        self._start_to_pass_on()

    def committed_together(self, ended: Sequence[Ended], arrival: Arrival) -> None:
        """As `committed`, for attempts that ended in one transaction."""
        for attempt, settlement in ended:
            self.drop(attempt)
            self._tell_parents(attempt)
            if settlement.orderingkey is not None:
                self._keys.add(settlement.orderingkey)
        self._metrics.observe_batch([_run(a, Status.COMPLETED, s.duration / 1000) for a, s in ended])
        self._arrival |= arrival
        self._start_to_pass_on()

    def lose(self, attempt: Attempt) -> None:
        """The lease of this attempt was lost: there is nothing to write."""
        self.lost += 1
        self.drop(attempt)

    def drop(self, attempt: Attempt) -> None:
        """Nothing will ever be written of this attempt: forget it, and let go of what it had."""
        self._held.drop(attempt)
        if self._admission is not None:
            self._admission.ended((attempt,), soon=False)

    async def drain(self, patience: float | None = None) -> None:
        """Wait until everything put so far is written; at most `patience` seconds, as the database may be away."""
        try:
            async with asyncio.timeout(patience):
                while under_way := [*self._ends.under_way, *self._completions.under_way]:
                    await asyncio.wait(under_way)
        except TimeoutError:
            _log.error("%d ended jobs could not be written; their leases will expire", len(self._held))
            for task in (*self._ends.under_way, *self._completions.under_way):
                task.cancel()

    def open(self) -> None:
        """Write again, after `close`."""
        self._closed = False

    def close(self) -> None:
        """Nothing is written any more: what ends from now on is left to its lease."""
        self._closed = True

    def _tell_parents(self, attempt: Attempt) -> None:
        """Somebody may wait for the children of this job's parent, or of the job itself."""
        claim = attempt.claim
        if claim.parentjobid is not None:
            self._parents.add(claim.parentjobid)
        if attempt.outbound and any(isinstance(job, BoundJob) and job.waits for job in attempt.outbound):
            self._parents.add(claim.id)

    def _start_to_pass_on(self) -> None:
        if self._arrival or self._keys or self._parents:
            self._ends.start()

    async def _flush(self, batch: list[Ended]) -> None:
        if batch:
            await self._write(batch)
            self._wake(())  # claiming waits while too many ends do
        await self._pass_on(batch)

    async def _write(self, batch: list[Ended]) -> None:
        if self._admission is not None:
            again = any(settlement.statusid not in FINAL for _, settlement in batch)
            self._admission.ended([attempt for attempt, _ in batch], soon=again)
        try:
            done = await self._persist(batch)
        except Exception:
            # A bug of the hub: the leases expire and the rescuer gives the jobs to others.
            _log.exception("%d ended jobs could not be written", len(batch))
            for attempt, _ in batch:
                self.drop(attempt)
                attempt.unwritten = False
            self._answer(batch)
            return
        for attempt, settlement in batch:
            self._held.drop(attempt)
            attempt.unwritten = False
            if settlement.id not in done:
                self.lost += 1
                _log.warning(
                    "job %s ended after its lease was lost; nothing of this attempt was written", settlement.id
                )
            if settlement.orderingkey is not None:
                self._keys.add(settlement.orderingkey)
            if attempt.claim.parentjobid is not None and settlement.statusid in FINAL:
                self._parents.add(attempt.claim.parentjobid)
        self._metrics.observe_batch(
            [_run(a, s.statusid, s.duration / 1000) for a, s in batch if s.executionid is not None and s.id in done]
        )
        self._answer(batch)

    def _answer(self, batch: list[Ended]) -> None:
        """These are written or lost: tell who waits for one of them."""
        if self._waiting:
            for attempt, _ in batch:
                if (future := self._waiting.pop(attempt.claim.id, None)) is not None and not future.done():
                    future.set_result(None)

    async def _persist(self, batch: list[Ended]) -> set[str]:
        completed = [s for a, s in batch if s.statusid == Status.COMPLETED and a.completer is None]
        others = [s for _, s in batch if s.statusid != Status.COMPLETED]
        done: set[str] = set()
        if completed:
            done |= await self._insist(self._store.complete, completed)
        if others:
            done |= await self._insist(self._store.settle, others)
        for completer in {a.completer: None for a, s in batch if s.statusid == Status.COMPLETED and a.completer}:
            done |= await self._complete_by(completer, batch)
        return done

    async def _complete_by(self, completer: Completer, batch: list[Ended]) -> set[str]:
        claims = {s.id: a.claim for a, s in batch if a.completer == completer and s.statusid == Status.COMPLETED}

        async def write(some: Sequence[Settlement]) -> set[str]:
            return await completer([(claims[s.id], s) for s in some])

        return await self._insist(write, [s for _, s in batch if s.id in claims])

    async def _insist(
        self, write: Callable[[list[Settlement]], Awaitable[set[str]]], batch: list[Settlement]
    ) -> set[str]:
        """Write a batch whatever it takes; after a lost answer, ask which were written. Of one that the database
        refuses each half is tried apart, and the one settlement that is at fault becomes a failure."""
        failures, refused = 0, False
        while True:
            try:
                done = await write(batch)
                if failures:
                    self.away = False
                    missing = [s for s in batch if s.id not in done and s.executionid is not None]
                    executed = await self._store.executed([s.executionid for s in missing if s.executionid is not None])
                    done |= {s.id for s in missing if s.executionid in executed}
                return done
            except (DatabaseUnavailable, TransactionConflict) as error:
                failures += 1
                if failures == 3:
                    self.away = True
                    _log.warning("%d ended jobs wait to be written: %s", len(batch), error)
                await asyncio.sleep(backoff(0.02, failures, 5.0) * self._clock.random())
            except (Rejected, AlreadyExists) as error:
                self.away = False
                if half := len(batch) // 2:
                    return await self._insist(write, batch[:half]) | await self._insist(write, batch[half:])
                if refused:
                    _log.error("job %s: its end cannot be written: %s", batch[0].id, error)
                    return set()
                write, batch, refused = self._store.settle, [_refused(batch[0], error)], True

    async def _pass_on(self, batch: list[Ended]) -> None:
        """After the commit: open the next job of each key, let go on who waited for children, wake the queues that got
        rows."""
        keys, self._keys = self._keys, set()
        arrival, self._arrival = self._arrival, NOTHING
        parents, self._parents = self._parents, set()
        try:
            if keys:
                self._wake(await self._store.release(keys))
            if parents and await self._store.unpark(parents):
                self._wake(("",))
            if arrival:
                self._arrived(arrival)
                await self._store.notify(arrival)
        except (DatabaseUnavailable, TransactionConflict) as error:
            # The sweep opens what stays closed, the poll finds what nobody was told of.
            _log.info("left to the next sweep: %s", error)
        if any(settlement.delay is not None for _, settlement in batch):
            self._wake(("",))


def _refused(settlement: Settlement, error: HubError) -> Settlement:
    """The database cannot hold this result: the attempt has failed, with an error that it can hold."""
    reason = ascii(f"the result cannot be stored: {error}")[1:-1][:2000]
    return Settlement(
        id=settlement.id, fence=settlement.fence, result=None, executionid=settlement.executionid,
        duration=settlement.duration, attempt=settlement.attempt, statusid=Status.FAILED,
        priority=settlement.priority, retrycount=settlement.retrycount, lasterror=reason, failure=Failure.PERMANENT,
    )  # fmt: skip


def _run(attempt: Attempt, statusid: int, seconds: float) -> Run:
    return attempt.claim.handler, attempt.claim.queue, _WORDS[statusid], seconds

"""When to claim, from which queue, and how much: one claim at a time for each queue.

Invariant: a wake-up that comes while its queue is being claimed from is remembered, so that nothing that was there when
it came stays unseen. While the database is away nothing is claimed, until somebody reaches it and wakes every queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from hub.clock import Clock
from hub.errors import AlreadyExists, DatabaseUnavailable, TransactionConflict
from hub.queue.admission import Admission
from hub.queue.attempt import Attempt, Held
from hub.queue.executor import Executor
from hub.queue.lanes import UNNAMED, Lanes
from hub.queue.store import Store
from hub.telemetry.metrics import Metrics

_log = logging.getLogger("hub.queue")
_ASIDE = 10.0
"""Seconds, about, that claimed jobs wait of which nobody could say whether they may start."""


class Claiming:
    """`free` tells how many jobs could begin at once, None while nothing is to be claimed; `accept` is given what was
    claimed. `away`: the database was, at the last try."""

    def __init__(
        self,
        store: Store,
        lanes: Lanes,
        executor: Executor,
        held: Held,
        clock: Clock,
        metrics: Metrics,
        admission: Admission | None,
        free: Callable[[], int | None],
        accept: Callable[[list[Attempt]], None],
    ) -> None:
        self._store = store
        self._lanes = lanes
        self._executor = executor
        self._held = held
        self._clock = clock
        self._metrics = metrics
        self._admission = admission
        self._free = free
        self._accept = accept
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._more: set[str] = set()  # queues that may have something we have not claimed
        self._open = False
        self.away = False

    def open(self) -> None:
        self._open = True

    def close(self) -> None:
        """Claim nothing more; what is under way is accepted still."""
        self._open = False

    async def done(self, patience: float | None = None) -> None:
        """Wait for what is under way, for at most so many seconds."""
        if self._under_way:
            await asyncio.wait(list(self._under_way.values()), timeout=patience)

    def wake(self, queues: Iterable[str]) -> None:
        """There may be something in these queues, or (none named) room for what was left."""
        self._more.update(queue for queue in queues if self._lanes.serves(queue))
        for queue in tuple(self._more):
            self._soon(queue)

    def look(self, queue: str) -> None:
        """There may be room for more of this queue, or of the jobs that name none."""
        self._soon(queue)
        self._soon(UNNAMED)

    def forget(self, queue: str) -> None:
        """Nothing of this queue runs: without a claim under way nothing of it need be known."""
        if queue not in self._under_way:
            self._lanes.forget(queue)

    def _soon(self, queue: str) -> None:
        if (
            self._open
            and not self.away
            and queue in self._more
            and queue not in self._under_way
            and self._wanted(queue)
        ):
            task = asyncio.get_running_loop().create_task(self._claim(queue), name=f"claim {queue or 'unnamed'}")
            self._under_way[queue] = task
            task.add_done_callback(partial(self._claimed, queue))

    def _claimed(self, queue: str, task: asyncio.Task[None]) -> None:
        self._under_way.pop(queue, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("claiming from %r failed; the next poll tries again", queue, exc_info=error)
            return
        self._soon(queue)
        self.forget(queue)

    def _wanted(self, queue: str) -> int:
        free = self._free()
        if free is None:
            return 0
        wanted = self._lanes.of(queue or "default").wanted(free, self._clock.monotonic())
        return wanted if self._admission is None else self._admission.most(queue, wanted)

    async def _claim(self, queue: str) -> None:
        """Claim while there is room and something to run."""
        while self._open and queue in self._more and (wanted := self._wanted(queue)):
            self._more.discard(queue)  # a wake-up during the claim puts it back
            leased = self._clock.monotonic()
            try:
                claimed = await self._store.claim(queue, wanted)
            except (TransactionConflict, AlreadyExists):
                self._more.add(queue)  # another claim took a key's slot first: look again
                continue
            except DatabaseUnavailable as error:
                self._more.add(queue)
                if not self.away:
                    _log.warning("claiming pauses: %s", error)
                self.away = True  # until the upkeep reaches the database and wakes every queue
                return
            if claimed.met >= wanted:
                self._more.add(queue)
            self._metrics.observe_claims([(claim.handler, claim.queue) for claim in claimed.claims])
            attempts = [Attempt(claim, self._executor, leased) for claim in claimed.claims]
            if self._admission is not None and attempts:
                attempts = self._postpone(attempts, await self._delays(self._admission, attempts))
            self._accept(attempts)

    async def _delays(self, admission: Admission, attempts: list[Attempt]) -> Mapping[str, float]:
        try:
            return await admission.delays(attempts)
        except Exception:
            # A bug, ours or a library's. The jobs are claimed: left as they are they would hang until their leases end.
            _log.exception("whether %d claimed jobs may start cannot be said: they go back for a while", len(attempts))
            return {attempt.claim.id: _ASIDE * (0.5 + self._clock.random()) for attempt in attempts}

    def _postpone(self, attempts: list[Attempt], delays: Mapping[str, float]) -> list[Attempt]:
        """Give back, without an attempt, what may not start now; the rest."""
        for attempt in attempts if delays else ():
            if (delay := delays.get(attempt.claim.id)) is not None:
                self._held.add(attempt)
                self._executor.postpone(attempt, delay)
        return [attempt for attempt in attempts if attempt.claim.id not in delays] if delays else attempts

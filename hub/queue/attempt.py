"""One attempt at one claimed job, from the claim to the settlement.

Invariant: exactly one Attempt exists for each claim this process holds; it is in `Held` until its settlement is written
or known to be lost, and as long as it is there the heartbeat renews its lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Any, Protocol

from hub.errors import LeaseLost, Permanent, StepInsideTransaction
from hub.model import Claim, NewJob, Settlement
from hub.ports import JobScope
from hub.queue.arrival import NOTHING
from hub.queue.steps import Steps

Completer = Callable[[Sequence[tuple[Claim, Settlement]]], Awaitable[set[str]]]
"""Completes jobs, each behind its fence, and in the same transaction writes what that means elsewhere; answers the ids
for which the fence held."""

_LONGEST_NOTE = 4000


class Stop(Enum):
    """Why a running handler is told to end."""

    TIMEOUT = "timeout"
    CANCEL = "cancel"
    SHUTDOWN = "shutdown"
    LOST = "lost"


class Host(Protocol):
    """What an attempt asks of whoever runs it."""

    steps: Steps

    def begin(self, attempt: Attempt) -> JobScope: ...


class Attempt:
    """See hub.ports.Attempt for what the handler's Job asks of it.

    `stepless`: its transaction is shared with other jobs, so that it has no steps.
    `leased` is when its lease was last renewed and `deadline` when its handler has to be through (monotonic seconds).
    `unwritten`: its end waits in the settler. `final` tells, once it has ended, that the job has ended with it: the
    next of its ordering key may run. `completer`, if given, writes its completion where it would go with others.
    `arrival`: the rows that its transaction gives beside those of `outbound`.
    """

    __slots__ = (
        "_host",
        "_stepping",
        "_steps",
        "_task",
        "_timer",
        "_transaction",
        "after",
        "arrival",
        "cancels",
        "claim",
        "completer",
        "deadline",
        "executionid",
        "final",
        "isolation",
        "leased",
        "note",
        "outbound",
        "reason",
        "share",
        "started",
        "stepless",
        "stop",
        "timeout",
        "unwritten",
        "waits",
    )

    def __init__(self, claim: Claim, host: Host, leased: float) -> None:
        self.claim = claim
        self.leased = leased
        self.started = 0.0
        self.deadline: float | None = None
        self.timeout = 0.0
        self.stop: Stop | None = None
        self.reason: str | None = None
        self.after: asyncio.Future[None] | None = None
        self.outbound: list[NewJob] | None = None
        self.arrival = NOTHING
        self.share: float | None = None
        self.note: str | None = None
        self.executionid: str | None = None
        self.cancels = 0
        self.final = False
        self.unwritten = False
        self.isolation: str | None = None
        self.stepless = False
        self.completer: Completer | None = None
        self.waits: Callable[[], None] | None = None
        self._host = host
        self._transaction: JobScope | None = None
        self._steps: dict[str, str | None] | None = None
        self._stepping: frozenset[str] = frozenset()
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # --- asked by the handler's Job ---------------------------------------------------------------------------------

    @property
    def transaction(self) -> JobScope:
        if self._transaction is None:
            self._transaction = self._host.begin(self)
        return self._transaction

    def enqueue(self, job: NewJob) -> None:
        if self.outbound is None:
            self.outbound = []
        self.outbound.append(job)

    async def step(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        if self.stepless:
            raise StepInsideTransaction(f"step {name!r}: the jobs of {self.claim.handler} share a transaction")
        if self.in_transaction:
            raise StepInsideTransaction(
                f"step {name!r} came after the first use of job.db: steps are remembered outside the job's transaction"
            )
        if name in self._stepping:
            raise Permanent(f"step {name!r} is under way already: steps at once need names of their own")
        self._stepping |= {name}
        try:
            return self._host.steps.decode(await self._stepped(name, call))
        finally:
            self._stepping -= {name}

    async def _stepped(self, name: str, call: Callable[[], Awaitable[Any]]) -> str | None:
        """The step's result as JSON text, remembered."""
        if self._steps is None:
            found = await self._host.steps.remembered(self.claim.id)
            if self._steps is None:  # else another step at once was first, and may have ended since
                self._steps = found
        if name in self._steps:
            return self._steps[name]
        text = self._host.steps.encode(name, await call())
        if not await self._host.steps.remember(self.claim, name, text):
            self.halt(Stop.LOST)
            raise LeaseLost(f"job {self.claim.id} belongs to another worker now")
        self._steps[name] = text
        return text

    def progress(self, share: float, note: str | None) -> None:
        # It is renewed together with all others: what one of them says must fit any database.
        self.share = float(min(1.0, max(0.0, share)))
        self.note = None if note is None else str(note)[:_LONGEST_NOTE]
        self.leased = 0.0  # due at the next heartbeat

    # --- asked by the executor --------------------------------------------------------------------------------------

    @property
    def in_transaction(self) -> bool:
        return self._transaction is not None and self._transaction.opened

    @property
    def used_transaction(self) -> JobScope | None:
        """The transaction, if the handler ever asked for it."""
        return self._transaction

    @property
    def violation(self) -> Exception | None:
        """What the handler did to its transaction and must not."""
        return self._transaction.violation if self._transaction is not None else None

    def halted(self) -> bool:
        """Whether it was told to end, whether or not it has."""
        return self.stop is not None

    def suspended(self, *, timed: bool = True) -> None:
        """The handler waits for something: from now on it can be stopped, and (if `timed`) its time runs out."""
        self._task = asyncio.current_task()
        if timed and self.deadline is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self.timeout, self.halt, Stop.TIMEOUT)
        if self.stop is not None:
            self._cancel()
        if self.waits is not None:
            self.waits()

    def ended(self) -> None:
        """The handler has returned or raised: nothing may cancel the runner's task any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        task, self._task = self._task, None
        while self.cancels:
            self.cancels -= 1
            if task is not None:
                task.uncancel()

    def halt(self, reason: Stop) -> None:
        """Tell the handler to end; the first reason holds, but a lost lease overrides."""
        if self.stop is None or reason is Stop.LOST:
            self.stop = reason
        if self._task is not None:
            self._cancel()

    def cancel(self, reason: str) -> None:
        """Tell the handler to end as cancelled for this reason."""
        if self.stop is None:
            self.reason = reason
        self.halt(Stop.CANCEL)

    def renew_run(self, host: Host | None = None) -> None:
        """Forget what a re-run of the same attempt must not inherit; `host`: who runs it from now on."""
        if host is not None:
            self._host = host
        self._transaction = None
        self.completer = None
        self.outbound = None
        self.arrival = NOTHING
        self._steps = None

    def _cancel(self) -> None:
        if self._task is not None and self.cancels == 0:
            self.cancels += 1
            self._task.cancel()


class Held:
    """The claims this process holds: id → Attempt. Read by the heartbeat's thread, written by the event loop."""

    def __init__(self) -> None:
        self._attempts: dict[str, Attempt] = {}

    def __len__(self) -> int:
        return len(self._attempts)

    def add(self, attempt: Attempt) -> None:
        self._attempts[attempt.claim.id] = attempt

    def drop(self, attempt: Attempt) -> None:
        # A process whose renewals failed may have claimed its own job anew: that attempt goes on.
        if self._attempts.get(attempt.claim.id) is attempt:
            del self._attempts[attempt.claim.id]

    def get(self, job_id: str) -> Attempt | None:
        return self._attempts.get(job_id)

    def all(self) -> list[Attempt]:
        return list(self._attempts.values())

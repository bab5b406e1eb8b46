"""Jobs of a handler that shares its transaction: one after another, each through a guard of its own, one commit.

Invariant: of a job that did not complete nothing is committed. A group is first run without savepoints, which costs
half as much as with them: a handler that shares promises to do nothing that a rollback does not undo, so when one fails
after it has written, all are rolled back and the same jobs run once more, each behind a savepoint. A handler whose jobs
fail begins with savepoints until a group of it has gone through. Whatever else goes wrong (a lost fence, a failing
commit, a deadlock, a statement cut short by a time-out), the jobs that are left run one by one, each in a transaction
of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum

from hub.clock import Clock
from hub.errors import HandlerEndedTransaction, HubError, Permanent, TransactionConflict
from hub.handlers.registry import Entry
from hub.ports import Database, JobScope, JobShare, JobTransaction
from hub.queue.attempt import Attempt
from hub.queue.ending import Recorded, Rerun, describe
from hub.queue.executor import Executor
from hub.queue.flushes import Ended
from hub.queue.joint import Joint, OtherEnd
from hub.queue.lane import Run
from hub.transitions import Completed, Failed

_log = logging.getLogger("hub.queue")

LARGEST = 200
HOLD = 0.05
"""Seconds after which a group that has used its transaction takes no further job."""

Following = Callable[[], Run | None]
"""The next jobs of the same handler, if any wait."""


class _Next(Enum):
    """What follows a job, or a whole group."""

    GO_ON = "the next job"
    WITH_SAVEPOINTS = "the group once more"
    SINGLY = "what is left, one by one"
    DONE = "nothing is left"


class _Group:
    """The jobs of one transaction, and what has become of them so far. `gone`: ended for good, and no part of a further
    try."""

    def __init__(self, executor: Executor, clock: Clock, run: Run, closes: Callable[[], None]) -> None:
        self.steps = executor.steps
        self.runs = [run]
        self.gone: set[Attempt] = set()
        self.count = 0
        self.foreign = False
        self._clock = clock
        self._closes = closes
        self._transaction: JobTransaction | None = None
        self._share: JobShare | None = None

    def open(self, transaction: JobTransaction, *, savepoints: bool) -> None:
        """Begin a try."""
        self.savepoints = savepoints
        self.completed: list[Ended] = []
        self.others: list[OtherEnd] = []
        self.until: float | None = None
        self._transaction = transaction

    def begin(self, attempt: Attempt) -> JobScope:
        """The share of an attempt, asked for at its first use of job.db."""
        if self._transaction is None:
            raise RuntimeError("the group has no transaction")
        if self.until is None:
            self.until = self._clock.monotonic() + HOLD
        self._share = self._transaction.share(savepoints=self.savepoints)
        return self._share

    def take_share(self) -> JobShare | None:
        """That of the job that has just ended, if it had one."""
        share, self._share = self._share, None
        return share

    def watch(self) -> None:
        """The handler waits: for the database, or for what it must not."""
        if not self.foreign and (self._share is None or not self._share.waits):
            self.foreign = True
            self._closes()

    @property
    def full(self) -> bool:
        return (
            self.foreign or self.count >= LARGEST or (self.until is not None and self._clock.monotonic() > self.until)
        )

    def left_of(self, run: Run) -> Run:
        """The jobs of a run that may be tried now: none behind one of their key that has ended without its job."""
        left = [attempt for attempt in run if attempt not in self.gone]
        return left if len(left) == len(run) or all(one.final for one in run if one in self.gone) else []


class SharedRuns:
    """`run` runs a group."""

    def __init__(self, executor: Executor, joint: Joint, database: Database, clock: Clock) -> None:
        self._executor = executor
        self._joint = joint
        self._database = database
        self._clock = clock
        self._careful: set[str] = set()
        self._named: set[str] = set()

    async def run(self, entry: Entry, run: Run, following: Following, closes: Callable[[], None]) -> set[Attempt]:
        """Run these jobs and those that follow; answers the ones that have ended. The others are to be run one by one.

        `closes` is called when the handler waits for something else than its transaction: nothing follows any more.
        """
        group = _Group(self._executor, self._clock, run, closes)
        careful = entry.name in self._careful

        def more() -> Run | None:
            return None if group.full else following()

        step = await self._together(entry, group, more, savepoints=careful)
        if step is _Next.WITH_SAVEPOINTS:
            self._careful.add(entry.name)
            await self._together(entry, group, _nobody, savepoints=True)
        elif careful and not group.others:
            self._careful.discard(entry.name)
        if group.foreign and entry.name not in self._named:
            self._named.add(entry.name)
            _log.warning(
                "handler %s shares its transaction and waits for something else than a statement on job.db, while "
                "others wait for what it holds: its groups end early",
                entry.name,
            )
        return group.gone

    async def _together(self, entry: Entry, group: _Group, following: Following, *, savepoints: bool) -> _Next:
        transaction = self._database.begin_job(f"{entry.name}, several jobs", None, entry.isolation)
        group.open(transaction, savepoints=savepoints)
        try:
            step = await self._run_all(entry, group, following)
            if step is not _Next.GO_ON:
                await transaction.rollback()
                return step
            if not await self._commit(entry, group, transaction):
                return _Next.SINGLY
        except BaseException:
            await transaction.rollback()
            raise
        group.gone.update(attempt for attempt, _ in (*group.completed, *group.others))
        return _Next.DONE

    async def _commit(self, entry: Entry, group: _Group, transaction: JobTransaction) -> bool:
        if transaction.opened or any(attempt.outbound for attempt, _ in group.completed):
            return await self._joint.commit(entry, transaction, group.completed, group.others)
        for attempt, settlement in group.completed:  # of ordering keys, without SQL
            self._executor.put(attempt, settlement)
        return True

    async def _run_all(self, entry: Entry, group: _Group, following: Following) -> _Next:
        place = 0
        while place < len(group.runs):
            for attempt in group.left_of(group.runs[place]):
                step = await self._run_one(entry, group, attempt)
                if step is not _Next.GO_ON:
                    return step
                if not group.completed or group.completed[-1][0] is not attempt:
                    break  # of its key nothing follows it, unless it has ended its job and that is written
            place += 1
            if place == len(group.runs) and (run := following()) is not None:
                group.runs.append(run)
        return _Next.GO_ON

    async def _run_one(self, entry: Entry, group: _Group, attempt: Attempt) -> _Next:
        attempt.renew_run(group)
        self._executor.start(attempt)
        group.count += 1
        outcome = await self._executor.process(entry, attempt, group.watch)
        attempt.deadline = None
        share = group.take_share()
        if isinstance(outcome, Completed):
            return await self._completed(entry, group, attempt, outcome, share)
        return await self._otherwise(entry, group, attempt, outcome, share)

    async def _completed(
        self, entry: Entry, group: _Group, attempt: Attempt, outcome: Completed, share: JobShare | None
    ) -> _Next:
        try:
            if share is not None:
                await share.keep()
        except TransactionConflict:
            return _Next.SINGLY
        except HubError as error:
            if isinstance(error, HandlerEndedTransaction) and attempt.violation is None:
                return self._refuse(entry, group, attempt, error)
            failed = Failed(describe(error), permanent=isinstance(error, Permanent))
            return await self._otherwise(entry, group, attempt, failed, share)
        group.completed.append((attempt, self._executor.endings.settlement(attempt, outcome, entry)))
        return _Next.GO_ON

    async def _otherwise(
        self, entry: Entry, group: _Group, attempt: Attempt, outcome: Recorded, share: JobShare | None
    ) -> _Next:
        if isinstance(outcome, Rerun):
            return _Next.SINGLY
        if share is None or not share.opened:
            self._end(entry, group, attempt, outcome)
            return _Next.GO_ON
        if not group.savepoints:
            if attempt.halted():
                self._end(entry, group, attempt, outcome)
            return _Next.WITH_SAVEPOINTS
        try:
            await share.undo()
        except HandlerEndedTransaction as error:
            return self._refuse(entry, group, attempt, error)
        except HubError:
            if attempt.halted():
                self._end(entry, group, attempt, outcome)
            return _Next.SINGLY
        group.others.append((attempt, outcome))
        return _Next.GO_ON

    def _refuse(self, entry: Entry, group: _Group, attempt: Attempt, error: HandlerEndedTransaction) -> _Next:
        refused = [*(ended for ended, _ in group.completed), attempt]
        self._joint.refuse(entry, refused, error)
        group.gone.update(refused)
        return _Next.SINGLY

    def _end(self, entry: Entry, group: _Group, attempt: Attempt, outcome: Recorded) -> None:
        self._executor.end(attempt, outcome, entry)
        group.gone.add(attempt)


def _nobody() -> Run | None:
    return None

"""Jobs of a batch handler: one call, one transaction, one commit, and an end for each job.

Invariant: a job that the handler failed, whose payload could not be decoded or whose result cannot be kept ends by
itself, and the others commit. An exception of the handler does not tell whose fault it is: everything is rolled back
and the jobs run one by one, each a batch of its own, so that none fails for another. What the handler says on purpose
(Retry, Snooze, Cancel, Permanent) is for all of them, and so is a time-out. A job that is stopped alone takes the call
along; the others go again without it.
"""

from __future__ import annotations

import logging

from hub.clock import Clock
from hub.errors import Directive, HubError, PayloadInvalid
from hub.handlers.batch import Batch, BatchCall, results
from hub.handlers.job import Job
from hub.handlers.registry import Entry
from hub.ports import Database, JobScope, JobTransaction
from hub.queue.attempt import Attempt, Stop
from hub.queue.drive import Drive
from hub.queue.ending import Recorded, describe
from hub.queue.executor import Executor
from hub.queue.flushes import Ended
from hub.queue.joint import Joint, OtherEnd
from hub.transitions import Completed, Failed

_log = logging.getLogger("hub.queue")


class _Call:
    """One call of the handler: the jobs that are in it, in order."""

    def __init__(self, executor: Executor, transaction: JobTransaction) -> None:
        self.steps = executor.steps
        self.transaction = transaction
        self.attempts: list[Attempt] = []
        self.jobs: list[Job] = []
        self.payloads: list[object] = []

    def begin(self, attempt: Attempt) -> JobScope:
        return self.transaction

    def suspended(self) -> None:
        """The handler waits: any of them can be stopped now, and the time of all runs out with the first one's."""
        lead, *others = self.attempts
        for attempt in others:
            attempt.suspended(timed=False)
        lead.suspended()

    def ended(self) -> None:
        for attempt in self.attempts:
            attempt.ended()
            attempt.deadline = None
        if self.attempts[0].stop is Stop.TIMEOUT:
            for attempt in self.attempts:
                attempt.stop = attempt.stop or Stop.TIMEOUT


class BatchRuns:
    """`run` runs a batch."""

    def __init__(self, executor: Executor, joint: Joint, database: Database, clock: Clock) -> None:
        self._executor = executor
        self._joint = joint
        self._database = database
        self._clock = clock

    async def run(self, entry: Entry, handler: BatchCall, attempts: list[Attempt]) -> set[Attempt]:
        """Run these jobs in one call; answers the ones that have ended. The others are to be run one by one."""
        gone: set[Attempt] = set()
        again = attempts
        while len(again) > 1:
            transaction = self._database.begin_job(f"{entry.name}, a batch", None, entry.isolation)
            try:
                again = await self._try(entry, handler, again, transaction, gone)
            finally:
                await transaction.rollback()
        return gone

    async def _try(
        self,
        entry: Entry,
        handler: BatchCall,
        attempts: list[Attempt],
        transaction: JobTransaction,
        gone: set[Attempt],
    ) -> list[Attempt]:
        """One call; the jobs to be called for again, without those that were stopped."""
        call = _Call(self._executor, transaction)
        self._gather(entry, handler, attempts, call, gone)
        if not call.attempts:
            return []
        batch = Batch(call.jobs, call.payloads)
        error: BaseException | None = None
        values: list[object] = []
        try:
            values = list(results(batch, await Drive(handler.function(batch), call.suspended)))
        except GeneratorExit:
            raise
        except BaseException as raised:
            error = raised
        finally:
            call.ended()
        if error is not None:
            return self._failed(entry, call, error, gone)
        ends = [self._end_of(entry, batch, one, value) for one, value in zip(call.attempts, values, strict=True)]
        if _out_of_order(ends):
            _log.info("%s: a job of an ordering key failed before another; its batch runs one by one", entry.name)
        elif await self._commit(entry, call, ends):
            gone.update(call.attempts)
        return []

    def _gather(
        self, entry: Entry, handler: BatchCall, attempts: list[Attempt], call: _Call, gone: set[Attempt]
    ) -> None:
        """Decode the payloads. What cannot be in the call ends here; what is behind it in its key waits."""
        closed: set[str | None] = set()
        for attempt in attempts:
            if (key := attempt.claim.orderingkey) is not None and key in closed:
                continue
            attempt.renew_run(call)
            self._executor.start(attempt)
            if attempt.halted():
                outcome = self._executor.endings.stopped(attempt)
            else:
                try:
                    payload = handler.decode(attempt.claim)
                except Exception as error:  # whatever a stranger's type may raise
                    outcome = self._executor.endings.failure(entry, attempt, error)
                else:
                    call.attempts.append(attempt)
                    call.jobs.append(Job(attempt.claim, attempt, self._clock))
                    call.payloads.append(payload)
                    continue
            closed.add(key)
            self._end(entry, attempt, outcome, gone)
        if call.attempts:
            timeout = max(attempt.timeout for attempt in call.attempts)
            for attempt in call.attempts:
                attempt.timeout = timeout
                attempt.deadline = attempt.started + timeout

    def _failed(self, entry: Entry, call: _Call, error: BaseException, gone: set[Attempt]) -> list[Attempt]:
        stopped = [attempt for attempt in call.attempts if attempt.halted()]
        if stopped:
            for attempt in stopped:
                self._end(entry, attempt, self._executor.endings.stopped(attempt), gone)
            keys = {attempt.claim.orderingkey for attempt in stopped}
            return [
                attempt
                for attempt in call.attempts
                if attempt not in gone and (attempt.claim.orderingkey is None or attempt.claim.orderingkey not in keys)
            ]
        violation = call.transaction.violation
        if violation is not None or (isinstance(error, Directive) and not isinstance(error, PayloadInvalid)):
            for attempt in call.attempts:
                self._end(entry, attempt, self._executor.endings.failure(entry, attempt, violation or error), gone)
        else:
            reason = describe(error).splitlines()[0]
            _log.info("%s: %d jobs run one by one after %s", entry.name, len(call.attempts), reason)
        return []

    def _end_of(self, entry: Entry, batch: Batch[object], attempt: Attempt, value: object) -> OtherEnd:
        failure = batch.failures.get(attempt.claim.id)
        if failure is not None:
            return attempt, self._executor.endings.failure(entry, attempt, failure)
        try:
            return attempt, Completed(entry.encode_result(value))
        except HubError as error:
            return attempt, Failed(describe(error), permanent=True)

    async def _commit(self, entry: Entry, call: _Call, ends: list[OtherEnd]) -> bool:
        completed: list[Ended] = []
        others: list[OtherEnd] = []
        for attempt, outcome in ends:
            if isinstance(outcome, Completed):
                completed.append((attempt, self._executor.endings.settlement(attempt, outcome, entry)))
            else:
                others.append((attempt, outcome))
        outbound = any(attempt.outbound for attempt, _ in completed)
        if outbound or call.transaction.opened or call.transaction.violation is not None:
            return await self._joint.commit(entry, call.transaction, completed, others)
        for attempt, outcome in ends:
            self._executor.end(attempt, outcome, entry)
        return True

    def _end(self, entry: Entry, attempt: Attempt, outcome: Recorded, gone: set[Attempt]) -> None:
        self._executor.end(attempt, outcome, entry)
        gone.add(attempt)


def _out_of_order(ends: list[OtherEnd]) -> bool:
    """Whether a job is completed though one before it in its ordering key is not."""
    broken: set[str] = set()
    for attempt, outcome in ends:
        key = attempt.claim.orderingkey
        if key is None:
            continue
        if not isinstance(outcome, Completed):
            broken.add(key)
        elif key in broken:
            return True
    return False

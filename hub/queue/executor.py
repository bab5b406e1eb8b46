"""Runs one attempt: started → processed → recorded.

Invariant: the effects of a handler and the completion of its job are one commit behind the fence, or neither is
there. Whatever a handler does, raise, exit, hang, swallow, its attempt ends in exactly one outcome.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

import msgspec

from hub.clock import Clock
from hub.errors import DatabaseUnavailable, HubError, Permanent, TransactionConflict
from hub.handlers.job import Job
from hub.handlers.registry import Entry, Registry
from hub.model import FINAL, Settlement
from hub.ports import Database, JobScope, JobTransaction
from hub.queue.arrival import Arrival
from hub.queue.attempt import Attempt, Stop
from hub.queue.drive import Drive
from hub.queue.ending import LOST, RERUN, Endings, Lost, Recorded, Rerun, describe
from hub.queue.settler import Settler
from hub.queue.steps import Steps
from hub.queue.store import Store
from hub.transitions import Cancelled, Completed, Failed, Outcome, Returned, Rules, Snoozed, Unknown

_log = logging.getLogger("hub.queue")

_RERUNS = 3
_NAMES = 1000
"""So many unknown handlers are named in the log."""


class ExecutorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds."""

    default_timeout: float = 300.0
    unknown_handler_after: float = 3600.0


class Executor:
    """Turns claims into settlements, with the handlers of a registry."""

    def __init__(
        self,
        registry: Registry,
        store: Store,
        settler: Settler,
        database: Database,
        clock: Clock,
        settings: ExecutorSettings,
    ) -> None:
        self._registry = registry
        self._store = store
        self._settler = settler
        self._database = database
        self._clock = clock
        self._settings = settings
        self.endings = Endings(database, clock, Rules(unknown_handler_after=settings.unknown_handler_after))
        self.steps = Steps(database)
        self._unknown: set[str] = set()

    async def execute(self, attempt: Attempt) -> bool:
        """Run an attempt to its end; True if the next job of its ordering key may start."""
        entry = self.start(attempt)
        for _ in range(_RERUNS):
            outcome = await self.process(entry, attempt)
            recorded = await self._record(entry, attempt, outcome)
            if not isinstance(recorded, Rerun):
                break
            attempt.renew_run()
        else:
            _log.warning(
                "job %s: %s has met a conflict %d times in a row; it goes back to the queue with all its attempts",
                *(attempt.claim.id, attempt.claim.handler, _RERUNS),
            )
            self.settle(attempt, Returned(), entry)
        return attempt.final

    def begin(self, attempt: Attempt) -> JobScope:
        """The transaction of an attempt; opened at its first use, after the job before it in its key is written."""
        return self._database.begin_job(f"{attempt.claim.handler} {attempt.claim.id}", attempt.after, attempt.isolation)

    def give_back(self, attempt: Attempt) -> None:
        """An attempt that was not begun: others may have the job."""
        if attempt.stop is Stop.CANCEL:
            self.settle(attempt, Cancelled(attempt.reason), None)
        else:
            self.settle(attempt, Returned(), None)

    def postpone(self, attempt: Attempt, delay: float) -> None:
        """An attempt that was not begun and is not to come back for `delay` seconds."""
        self.settle(attempt, Snoozed(delay), None)

    def settle(self, attempt: Attempt, outcome: Outcome, entry: Entry | None) -> None:
        """Decide what becomes of the job, and hand it to the settler."""
        self.put(attempt, self.endings.settlement(attempt, outcome, entry))

    def put(self, attempt: Attempt, settlement: Settlement) -> None:
        """Hand a decided end to the settler."""
        attempt.final = settlement.statusid in FINAL
        self._settler.put(attempt, settlement)

    def end(self, attempt: Attempt, outcome: Recorded, entry: Entry | None) -> None:
        """Settle an attempt of which nothing is left in a transaction, or lose it."""
        if isinstance(outcome, Outcome):
            self.settle(attempt, outcome, entry)
        else:
            self._settler.lose(attempt)

    def entry(self, attempt: Attempt) -> Entry | None:
        """Its handler, if there is one here."""
        return self._registry.find(attempt.claim)

    # --- started ----------------------------------------------------------------------------------------------------

    def start(self, attempt: Attempt) -> Entry | None:
        """The handler for it, and its time begins."""
        claim = attempt.claim
        entry = self._registry.find(claim)
        attempt.started = now = self._clock.monotonic()
        attempt.timeout = (
            claim.timeout or (entry.timeout if entry is not None else None) or self._settings.default_timeout
        )
        attempt.deadline = now + attempt.timeout
        attempt.executionid = self._clock.new_id()
        if entry is not None:
            attempt.isolation = entry.isolation
            attempt.stepless = entry.grouped
        return entry

    def _nobody(self, handler: str) -> Unknown:
        """Said once for each name: its jobs come back every half minute, and rows may name anything."""
        found = Unknown(f"no handler {handler!r} is registered here")
        if handler not in self._unknown and len(self._unknown) < _NAMES:
            self._unknown.add(handler)
            after = self._settings.unknown_handler_after
            _log.warning("%s: its jobs wait for an instance that has it, and are Failed after %g s", found.error, after)
        return found

    # --- processed --------------------------------------------------------------------------------------------------

    async def process(self, entry: Entry | None, attempt: Attempt, watch: Callable[[], None] | None = None) -> Recorded:
        """Run the handler; `watch` is called whenever it waits."""
        claim = attempt.claim
        if attempt.halted():
            return self.endings.stopped(attempt)
        if entry is None:
            return self._nobody(claim.handler)
        try:
            result = await Drive(entry.call(Job(claim, attempt, self._clock)), attempt.suspended, watch)
            outcome: Recorded = Completed(entry.encode_result(result))
        except asyncio.CancelledError:
            outcome = self.endings.stopped(attempt) if attempt.halted() else Failed("the handler cancelled itself")
        except GeneratorExit:
            raise
        except BaseException as error:
            outcome = self.endings.failure(entry, attempt, error)
        finally:
            attempt.ended()
        if attempt.halted() and not isinstance(outcome, Completed):
            return self.endings.stopped(attempt)
        return outcome

    # --- recorded ---------------------------------------------------------------------------------------------------

    async def _record(self, entry: Entry | None, attempt: Attempt, outcome: Recorded) -> Recorded:
        if isinstance(outcome, Completed) and (attempt.in_transaction or attempt.outbound or attempt.violation):
            outcome = await self._commit(entry, attempt, outcome)
        else:
            await self._roll_back(attempt)
            if isinstance(outcome, Outcome):
                self.settle(attempt, outcome, entry)
        if isinstance(outcome, Lost):
            self._settler.lose(attempt)
        return outcome

    async def _commit(self, entry: Entry | None, attempt: Attempt, outcome: Completed) -> Recorded:
        """The effects, what is to be sent, and the completion: one commit."""
        transaction = cast(JobTransaction, attempt.transaction)  # what `begin` made
        try:
            if transaction.violation is not None:
                raise transaction.violation
            if attempt.outbound:
                await self._store.enqueue_in(transaction, attempt.outbound)
            if not await self._store.complete_in(transaction, self.endings.settlement(attempt, outcome, entry)):
                return LOST
        except TransactionConflict:
            await self._roll_back(attempt)
            return RERUN
        except DatabaseUnavailable as error:
            # Whether it was committed nobody knows. Giving the job back is behind the fence: a commit that did happen
            # has ended the job, and then this writes nothing.
            _log.warning("job %s: the answer to its COMMIT was lost (%s); its fence decides", attempt.claim.id, error)
            await self._roll_back(attempt)
            returned = self.endings.later()
            self.settle(attempt, returned, entry)
            return returned
        except HubError as error:
            await self._roll_back(attempt)
            failed = Failed(describe(error), permanent=isinstance(error, Permanent))
            self.settle(attempt, failed, entry)
            return failed
        attempt.final = True
        self._settler.committed(attempt, attempt.arrival | Arrival.of(attempt.outbound or ()))
        return outcome

    async def _roll_back(self, attempt: Attempt) -> None:
        if attempt.used_transaction is not None:
            await attempt.used_transaction.rollback()

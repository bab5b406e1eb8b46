"""Runs one attempt: started → processed → recorded.

Invariant: the effects of a handler and the completion of its job are one commit behind the fence, or neither is
there. Whatever a handler does, raise, exit, hang, swallow, its attempt ends in exactly one outcome.
"""

from __future__ import annotations

import asyncio
import logging
import traceback

import msgspec

from hub.clock import Clock
from hub.errors import (
    Cancel,
    DatabaseUnavailable,
    HubError,
    JobTimeout,
    LeaseLost,
    Permanent,
    Retry,
    Snooze,
    TransactionConflict,
)
from hub.handlers.job import Job
from hub.handlers.registry import Entry, Registry
from hub.model import FINAL, Settlement
from hub.ports import Database, JobTransaction
from hub.queue.attempt import Attempt, Stop
from hub.queue.drive import Drive
from hub.queue.settler import Settler
from hub.queue.steps import Steps
from hub.queue.store import Store
from hub.transitions import Cancelled, Completed, Failed, Outcome, Returned, Rules, Snoozed, Unknown, decide

_log = logging.getLogger("hub.queue")

_RERUNS = 3
_ERROR_LIMIT = 8000
_DEFAULT_RULES = Rules()


class ExecutorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds."""

    default_timeout: float = 300.0
    unknown_handler_after: float = 3600.0


class _Lost:
    """The lease was lost: there is nothing to record."""


class _Rerun:
    """The server asked for the whole transaction once more."""


LOST, RERUN = _Lost(), _Rerun()
Recorded = Outcome | _Lost | _Rerun


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
        self._unknown = Rules(unknown_handler_after=settings.unknown_handler_after)
        self.steps = Steps(database)

    async def execute(self, attempt: Attempt) -> bool:
        """Run an attempt to its end; True if the next job of its ordering key may start."""
        entry = self._start(attempt)
        for _ in range(_RERUNS):
            outcome = await self._process(entry, attempt)
            recorded = await self._record(entry, attempt, outcome)
            if not isinstance(recorded, _Rerun):
                break
            attempt.renew_run()
        else:
            self.settle(attempt, Returned(), entry)
        return attempt.final

    def begin(self, attempt: Attempt) -> JobTransaction:
        """The transaction of an attempt; opened at its first use, after the job before it in its key is written."""
        return self._database.begin_job(f"{attempt.claim.handler} {attempt.claim.id}", attempt.after, attempt.isolation)

    def give_back(self, attempt: Attempt) -> None:
        """An attempt that was not begun: others may have the job."""
        if attempt.stop is Stop.CANCEL:
            self.settle(attempt, Cancelled("cancelled"), None)
        else:
            self.settle(attempt, Returned(), None)

    def postpone(self, attempt: Attempt, delay: float) -> None:
        """An attempt that was not begun and is not to come back for `delay` seconds."""
        self.settle(attempt, Snoozed(delay), None)

    def settle(self, attempt: Attempt, outcome: Outcome, entry: Entry | None) -> None:
        """Decide what becomes of the job, and hand it to the settler."""
        settlement = self._settlement(attempt, outcome, entry)
        attempt.final = settlement.statusid in FINAL
        self._settler.put(attempt, settlement)

    # --- started ----------------------------------------------------------------------------------------------------

    def _start(self, attempt: Attempt) -> Entry | None:
        claim = attempt.claim
        entry = self._registry.find(claim)
        attempt.started = now = self._clock.monotonic()
        attempt.timeout = (
            claim.timeout or (entry.timeout if entry is not None else None) or self._settings.default_timeout
        )
        attempt.deadline = now + attempt.timeout
        attempt.executionid = self._clock.new_id()
        attempt.isolation = entry.isolation if entry is not None else None
        return entry

    # --- processed --------------------------------------------------------------------------------------------------

    async def _process(self, entry: Entry | None, attempt: Attempt) -> Recorded:
        claim = attempt.claim
        if attempt.halted():
            return self._stopped(attempt)
        if entry is None:
            return Unknown(f"no handler {claim.handler!r} is registered here")
        try:
            result = await Drive(entry.call(Job(claim, attempt, self._clock)), attempt.suspended)
            outcome: Recorded = Completed(entry.encode_result(result))
        except asyncio.CancelledError:
            outcome = self._stopped(attempt) if attempt.halted() else Failed("the handler cancelled itself")
        except GeneratorExit:
            raise
        except BaseException as error:
            outcome = self._failure(entry, attempt, error)
        finally:
            attempt.ended()
        if attempt.halted() and not isinstance(outcome, Completed):
            return self._stopped(attempt)
        return outcome

    def _stopped(self, attempt: Attempt) -> Recorded:
        match attempt.stop:
            case Stop.TIMEOUT:
                return Failed(f"{JobTimeout.__name__}: ran longer than its timeout of {attempt.timeout:g} s")
            case Stop.CANCEL:
                return Cancelled("cancelled while running")
            case Stop.LOST:
                return LOST
            case _:
                return Returned()

    def _later(self) -> Outcome:
        """The database went away under the job: no attempt is used up, and no loop runs hot."""
        return Snoozed(0.2 + self._clock.random())

    def _failure(self, entry: Entry, attempt: Attempt, error: BaseException) -> Recorded:
        match error:
            case Snooze():
                return Snoozed(error.delay)
            case Cancel():
                return Cancelled(_first_line(error))
            case Retry():
                wanted = error.delay if error.at is None else max(0.0, (error.at - self._clock.now()).total_seconds())
                return Failed(describe(error), delay=wanted)
            case LeaseLost():
                return LOST
        if attempt.violation is not None:
            return Failed(describe(attempt.violation), permanent=isinstance(attempt.violation, Permanent))
        meaning: BaseException | None = error
        if not isinstance(error, HubError):
            meaning = self._database.diagnose(error) if attempt.in_transaction else None
        if isinstance(meaning, TransactionConflict):
            return RERUN
        if isinstance(meaning, DatabaseUnavailable):
            return self._later()
        return Failed(describe(error), permanent=isinstance(error, Permanent) or entry.is_permanent(error))

    # --- recorded ---------------------------------------------------------------------------------------------------

    async def _record(self, entry: Entry | None, attempt: Attempt, outcome: Recorded) -> Recorded:
        if isinstance(outcome, Completed) and (attempt.in_transaction or attempt.outbound or attempt.violation):
            outcome = await self._commit(entry, attempt, outcome)
        else:
            await self._roll_back(attempt)
            if isinstance(outcome, Outcome):
                self.settle(attempt, outcome, entry)
        if isinstance(outcome, _Lost):
            self._settler.lose(attempt)
        return outcome

    async def _commit(self, entry: Entry | None, attempt: Attempt, outcome: Completed) -> Recorded:
        """The effects, what is to be sent, and the completion: one commit."""
        transaction = attempt.transaction
        try:
            if transaction.violation is not None:
                raise transaction.violation
            if attempt.outbound:
                await self._store.enqueue_in(transaction, attempt.outbound)
            if not await self._store.complete_in(transaction, self._settlement(attempt, outcome, entry)):
                return LOST
        except TransactionConflict:
            await self._roll_back(attempt)
            return RERUN
        except DatabaseUnavailable as error:
            # Whether it was committed nobody knows. Giving the job back is behind the fence: a commit that did happen
            # has ended the job, and then this writes nothing.
            _log.warning("job %s: the answer to its COMMIT was lost (%s); its fence decides", attempt.claim.id, error)
            await self._roll_back(attempt)
            returned = self._later()
            self.settle(attempt, returned, entry)
            return returned
        except HubError as error:
            await self._roll_back(attempt)
            failed = Failed(describe(error), permanent=isinstance(error, Permanent))
            self.settle(attempt, failed, entry)
            return failed
        attempt.final = True
        self._settler.committed(attempt, {job.queue or "" for job in attempt.outbound or ()})
        return outcome

    async def _roll_back(self, attempt: Attempt) -> None:
        if attempt.used_transaction is not None:
            await attempt.used_transaction.rollback()

    def _settlement(self, attempt: Attempt, outcome: Outcome, entry: Entry | None) -> Settlement:
        claim = attempt.claim
        duration = round((self._clock.monotonic() - attempt.started) * 1000) if attempt.started else 0
        if type(outcome) is Completed:
            return Settlement(
                claim.id,
                claim.fence,
                outcome.result,
                attempt.executionid,
                duration,
                claim.attempt,
                orderingkey=claim.orderingkey,
            )
        rules = entry.rules if entry is not None else self._unknown
        transition = decide(claim, outcome, rules, self._clock.random())
        return Settlement(
            claim.id,
            claim.fence,
            None,
            (attempt.executionid or self._clock.new_id()) if transition.attempted else None,
            duration,
            claim.attempt,
            transition.status,
            transition.priority,
            transition.retrycount,
            transition.delay,
            storable(transition.error),
            transition.failure,
            isinstance(outcome, Unknown),
            claim.orderingkey,
        )


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def describe(error: BaseException) -> str:
    """'Type: message' on the first line, the end of the traceback below it."""
    first = f"{type(error).__name__}: {_first_line(error)}"
    trace = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)[-6:])).rstrip()
    return f"{first}\n{trace}"[:_ERROR_LIMIT] if trace else first[:_ERROR_LIMIT]


def storable(text: str | None) -> str | None:
    """Text that every database can hold: no U+0000, no lone surrogates."""
    if text is None or (text.isascii() and "\0" not in text):
        return text
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")

"""How an attempt ended: what an exception means, what was asked of it meanwhile, and the settlement that is written.

Invariant: looks at the attempt and at what it raised, and decides nothing about rows: hub.transitions does.
"""

from __future__ import annotations

import logging
from collections import Counter

from hub.clock import Clock
from hub.errors import (
    Cancel,
    ConnectionLost,
    DatabaseUnavailable,
    HubError,
    JobTimeout,
    LeaseLost,
    Permanent,
    Retry,
    Snooze,
    TransactionConflict,
)
from hub.handlers.registry import Entry
from hub.handlers.where import frames_of, message_of
from hub.model import FINAL, Settlement
from hub.ports import Database
from hub.queue.attempt import Attempt, Stop
from hub.transitions import Cancelled, Completed, Failed, Outcome, Returned, Rules, Snoozed, Unknown, decide

_log = logging.getLogger("hub.queue")
_ERROR_LIMIT = 8000
_CUTS = 10
"""Connections that a job may lose under its statements before each more is an attempt: a query for which the server
ends, or is cut off each time, must not run for ever."""


class Lost:
    """The lease was lost: there is nothing to record."""


class Rerun:
    """The server asked for the whole transaction once more."""


LOST, RERUN = Lost(), Rerun()
Recorded = Outcome | Lost | Rerun


class Endings:
    """`unknown` are the rules for jobs whose handler nobody knows."""

    def __init__(self, database: Database, clock: Clock, unknown: Rules) -> None:
        self._database = database
        self._clock = clock
        self._unknown = unknown
        self._cut: Counter[str] = Counter()

    def stopped(self, attempt: Attempt) -> Recorded:
        """The end of an attempt that was told to end."""
        match attempt.stop:
            case Stop.TIMEOUT:
                return Failed(f"{JobTimeout.__name__}: ran longer than its timeout of {attempt.timeout:g} s")
            case Stop.CANCEL:
                return Cancelled(attempt.reason)
            case Stop.LOST:
                return LOST
            case _:
                return Returned()

    def later(self) -> Outcome:
        """The database went away under the job: no attempt is used up, and no loop runs hot."""
        return Snoozed(0.2 + self._clock.random())

    def failure(self, entry: Entry, attempt: Attempt, error: BaseException) -> Recorded:
        """What the handler's exception means."""
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
            return self._away(attempt, error, meaning)
        return Failed(describe(error), permanent=isinstance(error, Permanent) or entry.is_permanent(error))

    def _away(self, attempt: Attempt, error: BaseException, meaning: DatabaseUnavailable) -> Outcome:
        """What becomes of an attempt whose handler met a database that is away."""
        job = attempt.claim.id
        if isinstance(meaning, ConnectionLost) and attempt.in_transaction:
            self._cut[job] += 1
            if self._cut[job] > _CUTS:
                return Failed(describe(error))
        _log.warning("job %s runs again, as its handler met a database that is away: %s", job, meaning)
        return self.later()

    def settlement(self, attempt: Attempt, outcome: Outcome, entry: Entry | None) -> Settlement:
        """What is to be written; its duration is up to now."""
        claim = attempt.claim
        duration = round((self._clock.monotonic() - attempt.started) * 1000) if attempt.started else 0
        if type(outcome) is Completed:
            if self._cut:
                self._cut.pop(claim.id, None)
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
        if self._cut and transition.status in FINAL:
            self._cut.pop(claim.id, None)
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
    return message_of(error).splitlines()[0]


def describe(error: BaseException) -> str:
    """'Type: message' on the first line, the end of the traceback below it, from where the hub was left."""
    first = f"{type(error).__name__}: {_first_line(error)}"
    trace = frames_of(error)
    return f"{first}\n{trace}"[:_ERROR_LIMIT] if trace else first[:_ERROR_LIMIT]


def storable(text: str | None) -> str | None:
    """Text that every database can hold: no U+0000, no lone surrogates."""
    if text is None or (text.isascii() and "\0" not in text):
        return text
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")

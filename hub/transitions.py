"""Pure: what becomes of a job when an attempt has ended.

Invariant: `decide` looks at values only. Everything that writes a status after a claim gets it from here; the rescuer's
statement, which must decide inside the database, repeats `after_crash` and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from hub.model import Claim, Failure, Status

_LOWEST = -(2**31)
"""The lowest priority that the column holds."""


class Backoff(msgspec.Struct, frozen=True):
    """Exponential backoff with full jitter: a random share of min(cap, base * 2**n) seconds.

    `jitter=False` takes the whole.
    """

    base: float = 1.0
    cap: float = 300.0
    jitter: bool = True

    def delay(self, retry: int, random: float) -> float:
        """Seconds before retry number `retry` (0 for the first); `random` in [0, 1)."""
        whole = min(self.cap, self.base * 2.0 ** min(retry, 62))
        return whole * random if self.jitter else whole


class Completed(msgspec.Struct, frozen=True):
    """The handler returned; `result` is JSON text, or None for None."""

    result: str | None = None


class Failed(msgspec.Struct, frozen=True):
    """The attempt failed. `delay` (seconds) is the handler's own wish; `permanent` ends the job."""

    error: str
    permanent: bool = False
    delay: float | None = None


class Snoozed(msgspec.Struct, frozen=True):
    """Come back later; no attempt is used up."""

    delay: float


class Cancelled(msgspec.Struct, frozen=True):
    """Without a reason: that of whoever asked for it, which is in the row."""

    reason: str | None


class Returned(msgspec.Struct, frozen=True):
    """Given back untouched: shutdown, database away, conflicts past their re-runs."""


class Unknown(msgspec.Struct, frozen=True):
    """No handler of that name here: wait for a deployment that has one, up to a limit."""

    error: str


Outcome = Completed | Failed | Snoozed | Cancelled | Returned | Unknown


class Rules(msgspec.Struct, frozen=True):
    """What the configuration and the handler say about ends. Durations in seconds.

    `schedule`, when given, is the handler's own rule: retry number (0 for the first) → seconds.
    """

    backoff: Backoff = Backoff()
    schedule: Callable[[int], float] | None = None
    unknown_handler_snooze: float = 30.0
    unknown_handler_after: float = 3600.0


class Transition(msgspec.Struct, frozen=True):
    """The next state: `delay` in seconds until the job may run again, None for at once or never."""

    status: Status
    delay: float | None
    priority: int
    retrycount: int
    failure: Failure | None
    error: str | None
    attempted: bool
    """Whether the attempt counts: it gets a row in `job_histories`."""


def decide(claim: Claim, outcome: Outcome, rules: Rules, random: float) -> Transition:
    """The state a claimed job enters; `random` in [0, 1) is the jitter."""
    match outcome:
        case Completed():
            return _stay(claim, Status.COMPLETED, attempted=True)
        case Cancelled(reason):
            return _stay(claim, Status.CANCELLED, error=reason, attempted=True)
        case Snoozed(delay):
            return _stay(claim, Status.QUEUED, delay=delay)
        case Returned():
            return _stay(claim, Status.QUEUED)
        case Unknown(error) if claim.unknownfor < rules.unknown_handler_after:
            return _stay(claim, Status.QUEUED, delay=rules.unknown_handler_snooze, error=error)
        case Unknown(error):
            return _stay(claim, Status.FAILED, error=error, failure=Failure.UNKNOWN_HANDLER, attempted=True)
        case Failed():
            return _after_failure(claim, outcome, rules, random)


def _after_failure(claim: Claim, failed: Failed, rules: Rules, random: float) -> Transition:
    if failed.permanent:
        return _stay(claim, Status.FAILED, error=failed.error, failure=Failure.PERMANENT, attempted=True)
    if claim.retrycount >= claim.maxretries:
        return _stay(claim, Status.FAILED, error=failed.error, failure=Failure.EXHAUSTED, attempted=True)
    if failed.delay is not None:
        delay = max(0.0, failed.delay)
    elif rules.schedule is not None:
        delay = max(0.0, rules.schedule(claim.retrycount))
    else:
        delay = rules.backoff.delay(claim.retrycount, random)
    return Transition(
        status=Status.RETRYING,
        delay=delay,
        priority=max(claim.priority, _LOWEST + 1) - 1,
        retrycount=claim.retrycount + 1,
        failure=None,
        error=failed.error,
        attempted=True,
    )


def after_crash(crashcount: int, max_crashes: int) -> tuple[Status, Failure | None]:
    """What an expired lease makes of a job that had already lost `crashcount` of them."""
    if crashcount + 1 > max_crashes:
        return Status.FAILED, Failure.POISON
    return Status.QUEUED, None


def _stay(
    claim: Claim,
    status: Status,
    *,
    delay: float | None = None,
    error: str | None = None,
    failure: Failure | None = None,
    attempted: bool = False,
) -> Transition:
    return Transition(status, delay, claim.priority, claim.retrycount, failure, error, attempted)

"""The error tree: what may be tried again, what may not, what a handler says on purpose, and what is a bug.

Invariant: everything the hub raises derives from HubError. A handler's exception that is none of these counts as
transient, so that a failing partner is tried again; what can never succeed says so by deriving from Permanent.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_LONGEST = 100 * 366 * 86_400.0
"""Seconds that a handler may put something off: what is longer means never, and no column holds it."""


class HubError(Exception):
    """Base of all errors of the hub. `code` is stable and appears in API answers, logs and metrics."""

    code = "hub-error"


# --- said by a handler, on purpose -------------------------------------------------------------------------------


class Directive(HubError):
    """Raised by a handler to choose the outcome of its attempt; its transaction is rolled back."""

    code = "directive"


class Retry(Directive):
    """Try again after `delay` seconds (or a timedelta), or at the time `at` (without a zone: UTC); counts as a failed
    attempt."""

    code = "retry"

    def __init__(
        self,
        message: str = "asked to be retried",
        *,
        delay: float | timedelta | None = None,
        at: datetime | None = None,
    ) -> None:
        super().__init__(message)
        self.delay = _seconds(delay)
        self.at = at if at is None or at.tzinfo is not None else at.replace(tzinfo=UTC)


class Snooze(Directive):
    """Come back after `delay` seconds without using up an attempt and without a history row."""

    code = "snooze"

    def __init__(self, delay: float | timedelta, message: str = "snoozed") -> None:
        super().__init__(message)
        self.delay = max(0.0, _seconds(delay) or 0.0)


class Cancel(Directive):
    """End the job as Cancelled; it is not tried again and is no dead letter."""

    code = "cancelled"

    def __init__(self, reason: str = "cancelled by its handler") -> None:
        super().__init__(reason)


class Permanent(Directive):
    """This job can never succeed: it becomes a dead letter at once, whatever retries are left."""

    code = "permanent"


class PayloadInvalid(Permanent):
    """The payload does not fit the type the handler declared; the message names the field."""

    code = "payload-invalid"


class HandlerEndedTransaction(Permanent):
    """The handler tried to begin, commit or roll back the job's own transaction, which belongs to the hub."""

    code = "handler-ended-transaction"


class StepInsideTransaction(Permanent):
    """`job.step` was called after `job.db` had been used: a step is remembered outside the job's transaction."""

    code = "step-inside-transaction"


# --- met on the way ----------------------------------------------------------------------------------------------


class Transient(HubError):
    """May succeed when tried again."""

    code = "transient"


class JobTimeout(Transient):
    """The handler ran longer than its timeout (seconds)."""

    code = "timeout"


class LeaseLost(HubError):
    """Another instance owns the job now: nothing of this attempt may be written."""

    code = "lease-lost"


class DatabaseUnavailable(Transient):
    """The database cannot be reached; no attempt is used up by it."""

    code = "database-unavailable"


class ConnectionLost(DatabaseUnavailable):
    """The connection ended under a statement: the database went away, it was cut, or the statement was too much."""


class CacheUnavailable(Transient):
    """The cache cannot be reached or did not answer in time; nothing that matters is lost by it."""

    code = "cache-unavailable"


class TransactionConflict(Transient):
    """Deadlock, serialization failure or lock timeout: the whole transaction is run again, no attempt is used up."""

    code = "transaction-conflict"


class TransactionAborted(Transient):
    """The handler swallowed a database error, or held its transaction too long: it cannot be committed."""

    code = "transaction-aborted"


class Saturated(Transient):
    """Intake is paused (queue too deep, database away); `retry_after` is in seconds."""

    code = "saturated"

    def __init__(self, message: str, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


# --- said to the caller ------------------------------------------------------------------------------------------


class UnknownHandler(HubError):
    """No handler of that name is registered in this process."""

    code = "unknown-handler"


class NotFound(HubError):
    """There is no such row."""

    code = "not-found"


class AlreadyExists(HubError):
    """A row with that id or name is there already."""

    code = "already-exists"


class Conflict(HubError):
    """The row is in a state that does not allow the change."""

    code = "conflict"


class Rejected(HubError):
    """The input cannot be taken; `field` names the part at fault, as a path."""

    code = "rejected"

    def __init__(self, message: str, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        if code is not None:
            self.code = code


class MigrationError(HubError):
    """The schema in the database and the migration files disagree, or a migration failed."""

    code = "migration"


class AddressInvalid(HubError):
    """An address (URL) of a database or a cache that cannot be understood; the message shows it without its password.
    `field` is where the configuration has it."""

    code = "address-invalid"
    field = "database.url"


def _seconds(delay: float | timedelta | None) -> float | None:
    # What is no number is the handler's error, here where it is made.
    seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay
    return None if seconds is None else min(float(seconds), _LONGEST)

"""The values that travel through the hub. No behaviour, no I/O.

Message → NewJob → Claim → Settlement: what arrived, the row it becomes, the row as a worker took it, and what is
written when the attempt ends. Field names are the columns' names, so that a statement and a value read alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum, StrEnum

import msgspec


class Status(IntEnum):
    """`queue_jobs.statusid`."""

    PENDING = 0
    QUEUED = 1
    PROCESSING = 2
    COMPLETED = 3
    FAILED = 4
    RETRYING = 5
    CANCELLED = 6
    SCHEDULED = 7

    @property
    def word(self) -> str:
        """The status as the API and the command line say it: 'pending', 'queued', …"""
        return self.name.lower()

    @property
    def final(self) -> bool:
        return self in FINAL


FINAL = frozenset((Status.COMPLETED, Status.FAILED, Status.CANCELLED))


class JobType(IntEnum):
    """`queue_jobs.typeid`."""

    INTEGRATION = 0
    SCHEDULED = 1
    MANUAL = 2
    SYSTEM = 3


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


class Failure(StrEnum):
    """Why a job is Failed (`queue_jobs.failure`); it decides what a bulk redrive may touch."""

    TRANSIENT = "transient"
    EXHAUSTED = "exhausted"
    PERMANENT = "permanent"
    POISON = "poison"
    QUARANTINED = "quarantined"
    UNKNOWN_HANDLER = "unknown-handler"


class Message(msgspec.Struct, kw_only=True, frozen=True):
    """What an adapter read, before a route has looked at it.

    `delivery`: the id that its sender's signature vouches for.
    """

    adapter: str
    protocol: str
    body: bytes
    topic: str = ""
    method: str | None = None
    key: str | None = None
    headers: Mapping[str, str] = {}
    content_type: str | None = None
    timestamp: datetime | None = None
    partition: int | None = None
    offset: int | None = None
    delivery: str | None = None


class Outgoing(msgspec.Struct, kw_only=True, frozen=True):
    """What leaves through an adapter. `id` is stable over all attempts, so that receivers can deduplicate by it."""

    id: str
    to: str
    topic: str
    body: bytes
    content_type: str
    key: str | None = None
    headers: Mapping[str, str] = {}


class NewJob(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """A row to be inserted into `queue_jobs`.

    `payload` is text (base64 when `payloadencoding` is 'base64'); `metadata` is JSON text; `timeout` is in seconds;
    `delay` (seconds from now, by the database's clock) and `scheduledat` exclude each other.
    """

    id: str
    handler: str
    payload: str | None = None
    queue: str | None = None
    priority: int = 0
    maxretries: int | None = None
    scheduledat: datetime | None = None
    delay: float | None = None
    orderingkey: str | None = None
    source: str = ""
    dedupekey: str | None = None
    parentjobid: str | None = None
    typeid: int = JobType.MANUAL
    method: str | None = None
    protocol: str | None = None
    direction: str = Direction.INTERNAL
    metadata: str | None = None
    contenttype: str = "application/json"
    payloadencoding: str = "text"
    timeout: float | None = None
    traceparent: str | None = None
    createdby: str | None = None
    statusid: int = Status.PENDING
    lasterror: str | None = None
    failure: str | None = None


class BoundJob(NewJob, kw_only=True, frozen=True, gc=False):
    """A row that is bound to others.

    `uniquekey`: while a row of this handler with that key is not final, no second one is inserted. `waits`: parked
    until the children of `parentjobid` have ended, in whatever way ('ended'), or all Completed ('completed'; Failed if
    one of them ends otherwise).
    """

    uniquekey: str | None = None
    waits: str | None = None


class Enqueued(msgspec.Struct, frozen=True, gc=False):
    """The answer to an enqueue: the id of the row, and whether it had been there already (by its dedupe key, or its
    unique one)."""

    id: str
    duplicate: bool = False


class Claim(msgspec.Struct, frozen=True, gc=False):
    """A row as claimed: columns in the order in which the claim statements return them."""

    id: str
    fence: int
    handler: str
    payload: str | None
    contenttype: str
    payloadencoding: str
    queue: str
    priority: int
    maxretries: int
    retrycount: int
    crashcount: int
    attemptbase: int
    orderingkey: str | None
    timeout: float | None
    metadata: str | None
    typeid: int
    protocol: str | None
    direction: str
    method: str | None
    parentjobid: str | None
    traceparent: str | None
    unknownfor: float
    """Seconds since a worker first found no handler of that name, 0 if none ever did; by the database's clock."""

    @property
    def attempt(self) -> int:
        """0 for the first attempt; `job_histories.retryattempt`."""
        return self.attemptbase + self.retrycount + self.crashcount


class Settlement(msgspec.Struct, frozen=True, gc=False):
    """What is written when an attempt ends, behind the fence; in the order of the settle statement's columns.

    `delay` is in seconds from now, by the database's clock; `duration` in milliseconds. `executionid` is None for
    outcomes that use up no attempt (snooze, give-back): they leave no history.
    """

    id: str
    fence: int
    result: str | None
    executionid: str | None
    duration: int
    attempt: int
    statusid: int = Status.COMPLETED
    priority: int = 0
    retrycount: int = 0
    delay: float | None = None
    lasterror: str | None = None
    failure: str | None = None
    unknown: bool = False
    """No handler of that name here: the row remembers since when."""
    orderingkey: str | None = None

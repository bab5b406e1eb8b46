"""What the API answers, as types: the source of the schemas in its documents.

Invariant: shapes only describe. Answers are the rows themselves; a test holds every answer against its shape. What a
viewer does not see is not required.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from hub.api.fields import Zoned
from hub.model import Failure

StatusWord = Literal["pending", "queued", "processing", "completed", "failed", "retrying", "cancelled", "scheduled"]
ResourceWord = Literal["created", "processing", "completed", "failed", "cancelled"]
WorkflowWord = Literal["pending", "running", "completed", "failed", "cancelled"]


class JobRow(TypedDict):
    """A row of queue_jobs by its columns' names; times are UTC. `payload`, `result` and `metadata` are left out for
    viewers; in lists long texts are cut, and `truncated` names them."""

    id: str
    typeid: int
    method: str | None
    protocol: str | None
    direction: str
    handler: str
    metadata: NotRequired[Any]
    payload: NotRequired[str | None]
    result: NotRequired[str | None]
    statusid: int
    status: StatusWord
    priority: int
    maxretries: int | None
    retrycount: int
    scheduledat: Zoned | None
    startedat: Zoned | None
    completedat: Zoned | None
    lasterror: str | None
    parentjobid: str | None
    queue: str | None
    contenttype: str
    payloadencoding: Literal["text", "base64"]
    source: str
    dedupekey: str | None
    orderingkey: str | None
    timeout: float | None
    traceparent: str | None
    fence: int
    leaseowner: str | None
    leaseuntil: Zoned | None
    crashcount: int
    attemptbase: int
    unknownsince: Zoned | None
    failure: Failure | None
    cancelrequested: bool
    progress: float | None
    progressnote: str | None
    seq: int
    active: bool
    referenceid: str | None
    createdby: str | None
    createdon: Zoned
    modifiedby: str | None
    modifiedon: Zoned | None
    rowversionstamp: int
    truncated: NotRequired[list[str]]


class HistoryRow(TypedDict):
    """An attempt: a row of job_histories with its job's handler; `duration` is in milliseconds. `inputdata`,
    `outputdata` and `metadata` are left out for viewers."""

    id: str
    jobid: str
    handler: str
    executionid: str
    statusid: int
    status: StatusWord
    startedat: Zoned | None
    completedat: Zoned | None
    duration: int | None
    result: str | None
    errormessage: str | None
    retryattempt: int
    executedby: str | None
    inputdata: NotRequired[str | None]
    outputdata: NotRequired[str | None]
    metadata: NotRequired[Any]
    active: bool
    referenceid: str | None
    createdby: str | None
    createdon: Zoned
    modifiedby: str | None
    modifiedon: Zoned | None
    rowversionstamp: int
    truncated: NotRequired[list[str]]


class JobDetail(JobRow):
    """A job, whole, with its attempts in the order in which they were made."""

    gate: int
    keyslot: str | None
    uniquekey: str | None
    waits: str | None
    histories: list[HistoryRow]


class JobPage(TypedDict):
    """`next` is the cursor of the page after, null on the last one."""

    data: list[JobRow]
    next: str | None


class HistoryPage(TypedDict):
    """`next` is the cursor of the page after, null on the last one."""

    data: list[HistoryRow]
    next: str | None


class Enqueued(TypedDict):
    """`duplicate` is there, and true, when the dedupe key was known: the id is the first job's."""

    id: str
    duplicate: NotRequired[bool]


class EnqueuedMany(TypedDict):
    """In the order of the list that was sent."""

    ids: list[str]


class JobState(TypedDict):
    id: str
    status: StatusWord


class Redriven(TypedDict):
    """How many were queued again."""

    redriven: int


class JobAccepted(TypedDict):
    job_id: str


class QueueStatistics(TypedDict):
    """Each count ends at 100,000. `oldest_seconds`: how long the oldest that is ready has waited."""

    ready: int
    waiting: int
    processing: int
    oldest_seconds: float | None


class HandlerStatistics(TypedDict):
    """By attempts: the last 10,000 of the last 24 hours."""

    total: int
    completed: int
    failed: int
    avg_duration_ms: float | None
    p95_duration_ms: float | None


class Statistics(TypedDict):
    """`dead`: how many dead letters there are; the count ends at 100,000."""

    queues: dict[str, QueueStatistics]
    handlers: dict[str, HandlerStatistics]
    dead: int


class ResourceJob(TypedDict):
    """A job of a resource type. `payload` and `result` are JSON texts, left out for viewers."""

    job_id: str
    status: ResourceWord
    resource_type: str | None
    resource_id: str | None
    user_id: str | None
    payload: NotRequired[str | None]
    result: NotRequired[str | None]
    error: str | None
    priority: int
    retry_count: int
    max_retries: int | None
    scheduled_at: Zoned | None
    created_at: Zoned
    started_at: Zoned | None
    completed_at: Zoned | None


class ResourceJobPage(TypedDict):
    """`next` is the cursor of the page after, null on the last one."""

    data: list[ResourceJob]
    next: str | None

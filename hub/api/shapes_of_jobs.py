"""What `/jobs` takes and answers, as types.

Invariant: a body names nothing that the hub alone decides; what it answers is a body and what the hub adds.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
from msgspec import Meta

from hub.api.fields import Int32, Key, Retries, Seconds, Zoned

JobKind = Literal["scheduled", "interval"]
JobWord = Literal["active", "processing", "paused", "completed", "failed"]

Every = Annotated[str, Meta(min_length=1, max_length=255)] | Annotated[int, Meta(ge=1, le=2**31 - 1)]
"""A cron expression, seconds, or a text like "5m"."""


class ScheduledJobRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`schedule` is when a scheduled job runs (one that is past: at once) or an interval begins; `interval` a cron
    expression, seconds, or text like "5m". `payload`: a text is taken as it stands, any other value as JSON; with
    `tasks` in it, and no handler, it is run by `system.tasks`. `timeout` in seconds."""

    name: Key
    type: JobKind
    workspace_id: Key | None = None
    payload: Any = None
    schedule: Zoned | None = None
    interval: Every | None = None
    enable_recovery: bool | None = None
    handler: Key | None = None
    enabled: bool = True
    priority: Int32 = 0
    max_retries: Retries | None = None
    timeout: Seconds | None = None
    timezone: Annotated[str, Meta(min_length=1, max_length=64)] = "UTC"


class ScheduledJobChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Members that are left out stay as they are; `null` stands for what they are when nobody says."""

    name: Key | msgspec.UnsetType = msgspec.UNSET
    type: JobKind | msgspec.UnsetType = msgspec.UNSET
    workspace_id: Key | msgspec.UnsetType | None = msgspec.UNSET
    payload: Any = msgspec.UNSET
    schedule: Zoned | msgspec.UnsetType | None = msgspec.UNSET
    interval: Every | msgspec.UnsetType | None = msgspec.UNSET
    enable_recovery: bool | msgspec.UnsetType | None = msgspec.UNSET
    handler: Key | msgspec.UnsetType | None = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET
    priority: Int32 | msgspec.UnsetType = msgspec.UNSET
    max_retries: Retries | msgspec.UnsetType | None = msgspec.UNSET
    timeout: Seconds | msgspec.UnsetType | None = msgspec.UNSET
    timezone: Annotated[str, Meta(min_length=1, max_length=64)] | msgspec.UnsetType = msgspec.UNSET


class ScheduledJob(TypedDict):
    """A scheduled or interval job; times are UTC. `payload` and the results in `interval_progress` are left out for
    viewers."""

    id: str
    name: str
    workspace_id: str | None
    payload: NotRequired[Any]
    type: JobKind
    schedule: Zoned | None
    interval: str | int | None
    timezone: str
    handler: str
    enabled: bool
    priority: int
    max_retries: int | None
    timeout: float
    enable_recovery: bool
    status: JobWord
    next_run_at: Zoned | None
    last_run_at: Zoned | None
    execution_count: int
    current_interval_id: str | None
    interval_progress: Any
    interval_started_at: Zoned | None
    last_error: str | None
    created_at: Zoned | None
    updated_at: Zoned | None
    upcoming: NotRequired[list[Zoned]]


class ScheduledJobPage(TypedDict):
    """A page of jobs, the newest first; `total` and `totalPage` are of the whole list."""

    data: list[ScheduledJob]
    total: int
    totalPage: int
    page: int
    limit: int

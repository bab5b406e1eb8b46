"""Jobs that no message brings: schedules, workflows, resource types, templates; and alerts.

Invariant: each entry's name is its key in the file, so none can stand twice.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from hub.config.faults import Invalid, quoted
from hub.config.secrets import FreeSettings, no_settings
from hub.config.values import (
    Duration,
    HandlerName,
    Instant,
    Listed,
    Name,
    Natural,
    PositiveDuration,
    Priority,
    QueueName,
    Section,
    Text,
    seconds,
)
from hub.errors import Rejected
from hub.scheduler.cron import parse

# What the column takes, on every database.
_LONGEST_INTERVAL = 2**31 - 1
_LONGEST_JITTER = 366 * 86_400


def _cron(text: str) -> str:
    try:
        parse(text)
    except Rejected as error:
        raise Invalid(str(error), 'five fields like "0 8 * * *", six with seconds first, or "@daily"') from None
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise Invalid(f"{quoted(text)} is no time zone", 'a name like "Europe/Paris" or "UTC"') from None
    return text


def _whole_seconds(value: object) -> int:
    duration = seconds(value)
    if duration < 1 or duration != int(duration):
        raise Invalid("an interval is a whole number of seconds, 1 or more")
    if duration > _LONGEST_INTERVAL:
        raise Invalid("an interval is 68 years at most", "for a time that far away, give start_at")
    return int(duration)


def _spread(span: float) -> float:
    if span > _LONGEST_JITTER:
        raise Invalid("a jitter is 366 days at most")
    return span


def _question(text: str) -> str:
    if not text.strip():
        raise Invalid("a condition of blanks asks nothing", "leave it out for a job that runs each time")
    return text


Cron = Annotated[str, AfterValidator(_cron)]
Zone = Annotated[str, AfterValidator(_zone)]
Interval = Annotated[int, BeforeValidator(_whole_seconds, json_schema_input_type=Duration)]


class Work(Section):
    """What every entry that makes jobs says about them."""

    handler: HandlerName
    queue: QueueName | None = Field(default=None, description="Left out: the handler's, else default.")
    priority: Priority = 0
    max_retries: Natural | None = None
    timeout: PositiveDuration | None = None


class Schedule(Work):
    """A job by the clock; kept in step with its row in the table `jobs`."""

    cron: Cron | None = Field(
        default=None, description="Five fields, or six with seconds first. Either this or `interval`."
    )
    interval: Interval | None = Field(default=None, description="Either this or `cron`.")
    timezone: Zone = "UTC"
    enabled: bool = True
    description: str | None = None
    payload: Any = Field(default=None, description="JSON; the job's payload.")
    condition: Annotated[Text, AfterValidator(_question)] | None = Field(
        default=None, description="SQL, a boolean expression or one SELECT; false skips the run."
    )
    start_at: Instant | None = Field(default=None, description="Without `cron` and `interval`: runs once, then.")
    end_at: Instant | None = None
    max_executions: Natural = Field(default=0, description="0: without end.")
    misfire: Literal["skip", "once", "all"] = Field(
        default="once", description="What becomes of runs that were missed."
    )
    overlap: Literal["allow", "skip", "queue"] = Field(
        default="allow", description="Whether a run may begin while the last one goes on; queue: it waits for that."
    )
    jitter: Annotated[Duration, AfterValidator(_spread)] = Field(
        default=0.0, description="Spreads the starts over this span."
    )
    enable_recovery: bool = True
    metadata: dict[str, Any] = Field(default={})


class Step(Section):
    """A step of a workflow: a handler to run, a signal or a time to wait for."""

    name: Name
    handler: HandlerName | None = None
    after: Listed[Name] = Field(default=(), description="Steps that are completed before this one begins.")
    queue: QueueName | None = Field(default=None, description="Left out: the handler's, else default.")
    priority: Priority = 0
    max_retries: Natural | None = None
    timeout: PositiveDuration | None = Field(
        default=None, description="Of one attempt; or how long a signal is waited for."
    )
    wait_for: Name | None = Field(
        default=None, description="A signal; its payload goes into the context. Instead of a handler."
    )
    delay: Duration | None = Field(
        default=None, description="Begins so long after it could; with or without a handler."
    )
    until: Text | None = Field(
        default=None, description="Begins at this time, or at the one in this field of the context."
    )
    with_: FreeSettings = Field(default_factory=no_settings, alias="with", description="Settings for the handler.")


class Workflow(Section):
    steps: Listed[Step] = Field(min_length=1)
    description: str | None = None


class ResourceType(Work):
    """A resource type of POST /api/jobs/create."""


class Template(Work):
    """A job prepared under a name, to be started by it."""

    description: str | None = None
    payload: Any = Field(default=None, description="JSON; what a start gives is merged into it.")


class Alert(Section):
    """Something to watch, and whom to tell."""

    metric: Literal["queue_depth", "queue_age", "dead_letters", "failure_rate", "adapter_down"]
    above: float = Field(
        default=0.0, ge=0, description="Jobs, seconds, or a share between 0 and 1, as the metric has it."
    )
    queue: QueueName | None = None
    handler: HandlerName | None = None
    adapter: Name | None = None
    for_: Duration = Field(default=0.0, alias="for", description="How long it must hold.")
    repeat: PositiveDuration = Field(default=3600.0, description="The least time between two messages.")
    to: Name = Field(description="An adapter or a destination.")
    topic: Text | None = None

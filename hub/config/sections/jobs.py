"""`jobs`: how many jobs run at once, how often they are tried, how long they are kept.

Invariant: every key has a default that runs; `resolved_workers` is the one place that says how many jobs a process runs
at once.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from hub.config.expression import LimitExpression
from hub.config.values import (
    Count,
    Duration,
    HandlerName,
    Natural,
    PositiveDuration,
    QueueName,
    Section,
    Size,
)

DEFAULT_WORKERS = 5


class Queue(Section):
    """One named queue. A plain number in the file is its limit."""

    limit: Count = Field(description="How many of its jobs one process runs at once.")
    ageing: PositiveDuration | None = Field(
        default=None, description="A waiting job gains one priority for each such span. Left out: priority is strict."
    )
    concurrency: Count | None = Field(
        default=None, description="How many of its jobs run at once over all instances, at most."
    )
    rate: float | None = Field(
        default=None, gt=0, le=1_000_000, description="How many of its jobs are begun in a second over all instances."
    )


class HandlerLimit(Section):
    """What the jobs of one handler are kept to, over all instances."""

    concurrency: Count | None = Field(default=None, description="How many of them run at once, at most.")
    rate: float | None = Field(
        default=None, gt=0, le=1_000_000, description="How many of them are begun in a second, at most."
    )
    key: LimitExpression | None = Field(
        default=None,
        description="JMESPath over payload, metadata and ordering_key: each value has the limit for itself.",
    )


def _queue(value: Any) -> Any:
    return {"limit": value} if isinstance(value, int) and not isinstance(value, bool) else value


class Recovery(Section):
    """Task recovery of interval jobs."""

    enabled: bool = True
    default_enabled: bool = Field(default=True, description="For jobs created by REST that do not say.")
    check_interval: PositiveDuration = Field(
        default=300.0, description="How often runs left incomplete are looked for."
    )
    max_attempts: Natural = 3


class Jobs(Section):
    enabled: bool = Field(default=False, description="False: intake and API accept, nothing runs.")
    workers: Count | None = Field(
        default=None,
        description=f"How many jobs one process runs at once. Left out: the sum of `queues`, else {DEFAULT_WORKERS}.",
    )
    poll_interval: PositiveDuration = Field(default=5.0, description="The safety net behind the wake-ups.")
    max_retries: Natural = Field(default=3, description="Retries after the first attempt, where nobody says otherwise.")
    scheduler_check_interval: PositiveDuration = 60.0
    use_redis: bool = Field(default=False, description="Informational: whichever cache is configured is used.")
    job_history_retention_days: Natural = Field(default=90, description="Days; histories older are deleted.")
    job_retention_days: Natural = Field(
        default=90, description="Days; finished jobs older are deleted, failed ones stay."
    )
    enable_metrics: bool = Field(default=False, description="False: /metrics is 404.")
    queues: dict[QueueName, Annotated[Queue, BeforeValidator(_queue, json_schema_input_type=Count | Queue)]] = Field(
        default={}, description="Named queues, each with its limit within `workers`."
    )
    limits: dict[HandlerName, HandlerLimit] = Field(
        default={}, description="Limits of handlers over all instances. What is beyond waits, without an attempt."
    )
    processes: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Worker processes on this machine; each has all the `workers`. One that gives no sign of life for "
        "`lease` (10 s at least) is killed and started again.",
    )
    process_pool: Count | None = Field(
        default=None,
        description="How many children run handlers with process=True, in each process. Left out: one a processor.",
    )
    lease: PositiveDuration = Field(
        default=30.0,
        description="How long a silent worker keeps its jobs and, at most 15 s, adapters that only one may connect.",
    )
    shutdown_timeout: Duration = Field(
        default=30.0, description="What runs may finish for so long; the rest is given back."
    )
    default_timeout: PositiveDuration = Field(default=300.0, description="For an attempt, where nobody says otherwise.")
    default_handler: HandlerName = Field(
        default="system.record", description="Runs jobs of POST /jobs that name no handler."
    )
    max_crashes: Natural = Field(
        default=2, description="A job that took its process down more often is Failed as poison."
    )
    unknown_handler_after: Duration = Field(
        default=3600.0, description="A job whose handler nobody knows is Failed after this."
    )
    dedupe_retention: PositiveDuration = Field(default=7 * 86_400.0, description="How long a dedupe key is remembered.")
    history_input: Size = Field(default=64 * 1024, description="How much of a payload a history row keeps; 0: none.")
    recovery: Recovery = Recovery()

    @property
    def resolved_workers(self) -> int:
        """How many jobs one process runs at once."""
        if self.workers is not None:
            return self.workers
        return sum(queue.limit for queue in self.queues.values()) or DEFAULT_WORKERS

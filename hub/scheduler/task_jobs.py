"""The jobs of tasks: what they take over from the job that began their run, and how they say whose they are.

Invariant: pure. The tasks of one run have one ordering key, so that they run one after another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from hub.errors import PayloadInvalid
from hub.handlers.payload import json_text
from hub.model import JobType, NewJob
from hub.scheduler.tasks import METHOD, Interval, Task


class About(msgspec.Struct, frozen=True):
    """What the metadata of a task's job say: whose task it is."""

    schedule: str
    interval: str
    name: str


class Origin(msgspec.Struct, frozen=True):
    """The job that began a run, as far as its tasks are to be like it."""

    id: str
    queue: str | None
    priority: int
    maxretries: int | None
    timeout: float | None
    metadata: Mapping[str, Any]


def job_of(origin: Origin, task: Task, task_id: str, interval: Interval | None) -> NewJob:
    """The job of a task; `interval` None: nobody keeps how far it is. They run one after another, in their order.

    Raises PayloadInvalid for a payload that JSON cannot hold.
    """
    group = task_id.rpartition(":")[0]
    schedule = origin.metadata.get("scheduled_job_id")
    metadata = {name: value for name, value in origin.metadata.items() if name not in ("with", "task", "scheduled_for")}
    if interval is not None:
        metadata["task"] = {"schedule": schedule, "interval": interval.interval_id, "name": task.name}
    try:
        payload = None if task.payload is None else json_text(task.payload)
    except ValueError as error:
        raise PayloadInvalid(f"task {task.name!r}: {error}") from error
    return NewJob(
        id=task_id,
        handler=task.handler,
        payload=payload,
        queue=None if origin.queue == "default" else origin.queue,
        priority=origin.priority,
        maxretries=origin.maxretries,
        orderingkey=key_of(group),
        parentjobid=origin.id,
        typeid=JobType.SCHEDULED if schedule is not None else JobType.SYSTEM,
        method=None if interval is None else METHOD,
        metadata=msgspec.json.encode(metadata).decode(),
        timeout=origin.timeout,
        createdby="system.tasks",
    )


def key_of(group: str) -> str:
    """The ordering key of a run's tasks."""
    return f"tasks:{group}"


def about_of(metadata: Mapping[str, Any]) -> About | None:
    """Whose task a job is; None if its metadata do not say."""
    try:
        return msgspec.convert(metadata.get("task"), About)
    except msgspec.ValidationError:
        return None

"""The tasks of an interval run and how far they are: the value in `jobs.interval_progress`, and what changes it.

Invariant: pure. A task that has completed is never anything else again; a run ends once, when none of its tasks can
move any more or when it was given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec

from hub.model import Status
from hub.scheduler.definition import instant

HANDLER = "system.tasks"
METHOD = "task"
MOST = 1000
"""Tasks in one run."""
RESULT_LIMIT = 16 * 1024
"""Characters of a task's result that the progress keeps; the task's own row in `queue_jobs` has all of it."""

PENDING, RUNNING, COMPLETED, FAILED, CANCELLED = "pending", "running", "completed", "failed", "cancelled"
_OPEN = (PENDING, RUNNING)
_ERROR_LIMIT = 500
_NOTHING = msgspec.Raw(b"null")

_Named = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class Task(msgspec.Struct, frozen=True):
    """A task as the payload of a job names it: the handler is one that is registered, the payload any JSON."""

    name: _Named
    handler: _Named
    payload: Any = None


class TaskList(msgspec.Struct, frozen=True):
    """The payload of `system.tasks`; what else stands in it is nobody's business here."""

    tasks: Annotated[list[Task], msgspec.Meta(min_length=1, max_length=MOST)]


class TaskProgress(msgspec.Struct):
    """How far a task is. `task_id` is the id of its job; `crashes`: how often a worker was lost over it."""

    task_id: str
    name: str
    handler: str
    status: str = PENDING
    result: msgspec.Raw = _NOTHING
    error: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    crashes: int = 0

    @property
    def open(self) -> bool:
        return self.status in _OPEN


class Interval(msgspec.Struct):
    """A run. `job_id` is the fire that began it, `attempts` how often it was recovered; times in UTC."""

    interval_id: str
    job_id: str
    status: str
    started_at: datetime
    tasks: list[TaskProgress]
    total_tasks: int = 0
    completed_tasks: int = 0
    failed_tasks: int = 0
    attempts: int = 0
    completed_at: datetime | None = None
    error: str | None = None

    @property
    def open(self) -> bool:
        return self.status == RUNNING

    def text(self) -> str:
        """As the column has it."""
        return _encoder.encode(self).decode()

    def find(self, task_id: str) -> TaskProgress | None:
        return next((task for task in self.tasks if task.task_id == task_id), None)

    def begin(self, task: TaskProgress, now: datetime) -> None:
        """An attempt at a task begins."""
        task.status, task.error = RUNNING, None
        task.started_at = task.started_at or now

    def end(
        self, task: TaskProgress, status: str, now: datetime, *, result: str | None = None, error: str | None = None
    ) -> None:
        """A task has ended; with the last of them the run has."""
        if task.status == COMPLETED:
            return
        task.status, task.completed_at = status, now
        task.error = None if error is None else error.partition("\n")[0][:_ERROR_LIMIT]
        task.result = msgspec.Raw(result.encode()) if result is not None and _fits(result) else _NOTHING
        self._count()
        if self.open and not any(each.open for each in self.tasks):
            self.status, self.completed_at = COMPLETED, now

    def give_up(self, why: str, now: datetime) -> list[str]:
        """The run has failed; answers the ids of the jobs that are not to run any more."""
        left = [task for task in self.tasks if task.open]
        for task in left:
            task.status, task.error, task.completed_at = CANCELLED, why, now
        self._count()
        self.status, self.error, self.completed_at = FAILED, why, now
        return [task.task_id for task in left]

    def crashed(self, task: TaskProgress, crashes: int) -> bool:
        """Whether a task has lost a worker of which the run did not know: a recovery begins."""
        if crashes <= task.crashes:
            return False
        task.crashes = crashes
        return True

    def summary(self) -> str | None:
        """What is to be told of its failed tasks; None if there are none."""
        failed = [task for task in self.tasks if task.status in (FAILED, CANCELLED)]
        if not failed:
            return None
        return f"{len(failed)} of {len(self.tasks)} tasks failed: {failed[0].name}: {failed[0].error}"

    def trouble(self) -> str | None:
        """What is to be told of a run that has ended: why it was given up, or its failed tasks; None if all is well."""
        return self.error or self.summary()

    def _count(self) -> None:
        self.completed_tasks = sum(task.status == COMPLETED for task in self.tasks)
        self.failed_tasks = sum(task.status == FAILED for task in self.tasks)


class Outcome(msgspec.Struct, frozen=True):
    """What the job of a task has become."""

    statusid: int
    crashcount: int
    lasterror: str | None


class Finding(msgspec.Struct):
    """What a look at the jobs of a run says: `lost` have no job any more, `unsettled` run at this moment."""

    changed: bool = False
    interrupted: bool = False
    lost: list[TaskProgress] = []
    unsettled: bool = False


def new_interval(interval_id: str, job_id: str, tasks: Iterable[Task], now: datetime) -> Interval:
    """A run that begins."""
    planned = [
        TaskProgress(task_id=f"{interval_id}:{number}", name=task.name, handler=task.handler)
        for number, task in enumerate(tasks, start=1)
    ]
    return Interval(interval_id, job_id, RUNNING, now, planned, total_tasks=len(planned))


def read_interval(text: str | None) -> Interval | None:
    """The run that the column holds; None for none, and for what is no run (anybody may write there)."""
    if not text:
        return None
    try:
        found = _decoder.decode(text)
        found.started_at = instant(found.started_at) or found.started_at
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError):
        return None
    return found


def compare(interval: Interval, outcomes: Mapping[str, Outcome], now: datetime) -> Finding:
    """Bring a run in step with what the jobs of its open tasks have become."""
    found = Finding()
    for task in [task for task in interval.tasks if task.open]:
        outcome = outcomes.get(task.task_id)
        if outcome is None:
            found.lost.append(task)
            continue
        if interval.crashed(task, outcome.crashcount):
            found.changed = found.interrupted = True
        ended = _ENDS.get(outcome.statusid)
        if ended is not None:
            interval.end(task, ended, now, error=outcome.lasterror)
            found.changed = True
        elif outcome.statusid == Status.PROCESSING:
            found.unsettled = True
    found.interrupted |= bool(found.lost)
    found.changed |= found.interrupted
    return found


def _fits(result: str) -> bool:
    return len(result) <= RESULT_LIMIT and "\\u0000" not in result  # which not every database takes


_ENDS = {Status.COMPLETED.value: COMPLETED, Status.FAILED.value: FAILED, Status.CANCELLED.value: CANCELLED}
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Interval)

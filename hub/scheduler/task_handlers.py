"""`system.tasks`, which begins a run, and the entries that run its tasks: the handlers that they name.

Invariant: a task's handler is the handler itself, with its payload type, middleware, timeout and isolation; only after
it has returned does a task differ from a plain job: its end and what the run says of it are one commit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

from hub.clock import Clock
from hub.errors import DatabaseUnavailable, Snooze, TransactionConflict
from hub.handlers.entry import Entry
from hub.handlers.job import Job
from hub.handlers.mark import handler
from hub.ports import JobScope
from hub.queue.attempt import Attempt
from hub.scheduler.runs import Held, Runs, current
from hub.scheduler.task_jobs import About, Origin, about_of, job_of
from hub.scheduler.tasks import COMPLETED, HANDLER, Interval, TaskList, compare, new_interval
from hub.telemetry import get_logger

_log = get_logger("hub.recovery")

_TURN = 1.0
"""Seconds after which a fire that waits for the run before it looks again."""


class Watch(Protocol):
    """Who is told of attempts that did not end well, and of runs that may have ended."""

    def suspect(self, schedule: str) -> None: ...


def handlers(runs: Runs, clock: Clock, *, enabled: bool) -> list[Callable[..., Any]]:
    """`system.tasks`, bound to a hub; `enabled`: runs of schedules are kept and recovered."""

    @handler(HANDLER, timeout=60)
    async def tasks(payload: TaskList, job: Job) -> dict[str, Any]:
        """Run the payload's tasks one after another, each as a job; one that fails does not stop those behind it."""
        held = await _schedule(runs, job)
        if held is None or not (enabled and held.enabled):
            return _plain(payload, job, held, clock)
        scope = job._attempt.transaction
        held = await runs.hold(scope, held.schedule)
        if held is None:
            return _plain(payload, job, None, clock)
        if held.interval is not None and await _goes_on(runs, scope, held.interval, clock):
            if held.overlap == "queue":
                raise Snooze(_TURN)
            return {"interval_id": held.interval.interval_id, "joined": True}
        interval = new_interval(clock.new_id(), job.id, payload.tasks, clock.now())
        for task, planned in zip(payload.tasks, interval.tasks, strict=True):
            job.insert(job_of(_origin(job, held), task, planned.task_id, interval))
        await runs.write(scope, held, interval)
        return {"interval_id": interval.interval_id, "tasks": len(interval.tasks)}

    return [tasks]


async def _schedule(runs: Runs, job: Job) -> Held | None:
    """The row of the schedule that fired, if there is one and it can be read."""
    schedule = job.metadata.get("scheduled_job_id")
    if not isinstance(schedule, str):
        return None
    try:
        return await runs.read(schedule)
    except (DatabaseUnavailable, TransactionConflict):
        raise
    except Exception as error:  # whatever keeps the run from being kept must not keep the tasks from running
        _log.error(f"Recovery failed for job {schedule}, running its tasks without it: {error}")
        return None


async def _goes_on(runs: Runs, scope: JobScope, interval: Interval, clock: Clock) -> bool:
    """Whether the run before this one has tasks left that can end."""
    outcomes = await runs.outcomes(interval, scope)
    compare(interval, outcomes, clock.now())
    return interval.open and any(task.open and task.task_id in outcomes for task in interval.tasks)


def _plain(payload: TaskList, job: Job, held: Held | None, clock: Clock) -> dict[str, Any]:
    """Without recovery: the jobs alone, and nobody keeps what has become of them."""
    group = clock.new_id()
    for number, task in enumerate(payload.tasks, start=1):
        job.insert(job_of(_origin(job, held), task, f"{group}:{number}", None))
    return {"tasks": len(payload.tasks)}


def _origin(job: Job, held: Held | None) -> Origin:
    claim = job._claim
    # The claim has filled in what `system.tasks` would be given; what the schedule left open is the tasks' own.
    maxretries = claim.maxretries if held is None else held.maxretries
    return Origin(job.id, claim.queue, claim.priority, maxretries, claim.timeout, job.metadata)


class TaskEntries:
    """Makes the entries of tasks."""

    def __init__(self, runs: Runs, clock: Clock, watch: Watch) -> None:
        self._runs = runs
        self._clock = clock
        self._watch = watch

    def of(self, entry: Entry) -> Entry:
        """The entry that runs tasks for this handler."""
        return dataclasses.replace(entry, share_transaction=False, batch=None, call=self._call(entry))

    def _call(self, entry: Entry) -> Callable[[Job], Any]:
        async def call(job: Job) -> Any:
            about = about_of(job.metadata)
            if about is None:
                return await entry.call(job)  # SQL has changed its metadata: a job like any other
            crashes = job._claim.crashcount
            if crashes:
                _log.info(f"Processing recovery task: {job.id}", job=about.schedule, interval=about.interval)
            try:
                await self._runs.begin(about, job.id, crashes)
                result = await entry.call(job)
                await self.end(entry, job, about, result)
            except BaseException:
                self._watch.suspect(about.schedule)
                raise
            return result

        return call

    async def end(self, entry: Entry, job: Job, about: About, result: Any) -> None:
        """Write into the task's own transaction that it has completed."""
        attempt = job._attempt
        if not isinstance(attempt, Attempt):
            return  # a handler that is called by a test, without a hub
        output = entry.encode_result(result)
        held = await self._runs.hold(attempt.transaction, about.schedule)
        interval = current(held, about)
        task = interval.find(job.id) if interval is not None else None
        if held is None or interval is None or task is None:
            return  # the run was given up, or its schedule deleted: what the task has done stands
        interval.end(task, COMPLETED, self._clock.now(), result=output)
        await self._runs.write(attempt.transaction, held, interval)
        if not interval.open or task is interval.tasks[-1]:
            # Nothing moves behind the last one: if the run is open still, another of its tasks was cancelled, or failed
            # by the rescuer, and no attempt has told of that.
            self._watch.suspect(about.schedule)

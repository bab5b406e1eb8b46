"""Runs of tasks in the database: begun by a fire, moved on by the ends of their tasks, brought in step after a crash.

Invariant: each task is a job of its own. What it has done and what the run says of it are one commit, with the row of
its schedule held; everything else is written only if the run still is what was looked at. So of several instances one
writes, a task that has completed is never begun again, and one that has not always has a job.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from msgspec.structs import astuple

from hub.clock import Clock
from hub.db.statement import load
from hub.errors import Cancel, TransactionConflict
from hub.model import NewJob
from hub.ports import Call, Database, JobScope, Row, Statement
from hub.scheduler.task_jobs import About, Origin, job_of
from hub.scheduler.tasks import FAILED, Finding, Interval, Outcome, TaskList, TaskProgress, compare, read_interval
from hub.telemetry import get_logger

_log = get_logger("hub.recovery")

_TRIES = 20
_ACTOR = "recovery"
_payload = msgspec.json.Decoder(TaskList)
_metadata = msgspec.json.Decoder(dict[str, Any])


class Look(msgspec.Struct, frozen=True):
    """What a look at a run found: `interval` None if the schedule has none. `resumed` tasks were given jobs anew."""

    interval: Interval | None
    finding: Finding
    resumed: int = 0


class Held(msgspec.Struct, frozen=True):
    """A schedule's row: the run that has not ended, if there is one, the last one in any state, and its text.

    `maxretries` None: the schedule leaves them to the handlers of its tasks.
    """

    schedule: str
    text: str | None
    last: Interval | None
    interval: Interval | None
    enabled: bool
    overlap: str
    maxretries: int | None


class Runs:
    """`woken` is told the queues that got rows; `max_attempts`: how often a run may be recovered.

    `recovered` and `failed` count the recoveries that this process began, and the runs that it gave up.
    """

    def __init__(
        self, database: Database, clock: Clock, woken: Callable[[Iterable[str]], None], max_attempts: int
    ) -> None:
        self._database = database
        self._clock = clock
        self._woken = woken
        self._max_attempts = max_attempts
        self.recovered = self.failed = 0
        self._enqueue = load("hub.queue", database.dialect, "enqueue")
        self._cancel = load("hub.queue", database.dialect, "cancel")

    def _load(self, name: str) -> Statement:
        return load("hub.scheduler", self._database.dialect, name)

    # --- looked at ----------------------------------------------------------------------------------------------------

    async def read(self, schedule: str) -> Held | None:
        """The row of a schedule, as it stands; None if there is none."""
        return _held(await self._database.read(self._load("run_read"), id=schedule))

    async def hold(self, transaction: JobScope, schedule: str) -> Held | None:
        """The same, held until the transaction ends."""
        return _held(await transaction.run(self._load("run_lock"), id=schedule))

    async def open(self, after: str, limit: int) -> list[tuple[str, str]]:
        """A page of (schedule, interval) of the runs that have not ended, behind the schedule `after`."""
        return [(row[0], row[1]) for row in await self._database.read(self._load("run_open"), after=after, limit=limit)]

    async def outcomes(self, interval: Interval, within: JobScope | None = None) -> dict[str, Outcome]:
        """What has become of the jobs of its open tasks, as seen `within` a transaction."""
        ids = [(task.task_id,) for task in interval.tasks if task.open]
        rows = await (self._database if within is None else within).run(self._load("run_jobs"), ids)
        return {row[0]: Outcome(row[1], row[2], row[3]) for row in rows}

    # --- written in the transaction of a job --------------------------------------------------------------------------

    async def write(self, transaction: JobScope, held: Held, interval: Interval) -> None:
        """Write a run whose schedule's row is held."""
        if not await transaction.run(self._load("run_save"), **_saved(held, interval)):
            raise TransactionConflict(f"schedule {held.schedule!r} was changed while it was held")

    # --- written by itself --------------------------------------------------------------------------------------------

    async def begin(self, about: About, task_id: str, crashes: int) -> None:
        """An attempt at a task begins: after a crash the run has one recovery less. Raises Cancel once there is none.

        `crashes`: how often the task's job has lost a worker.
        """
        for _ in range(_TRIES):
            held = await self.read(about.schedule)
            interval = current(held, about)
            task = interval.find(task_id) if interval is not None else None
            if held is None or interval is None or task is None:
                return
            calls: list[Call] = []
            recovers = interval.crashed(task, crashes)
            if recovers:
                # Tasks that were claimed ahead have lost the same worker: that is one recovery, not several.
                for id, outcome in (await self.outcomes(interval)).items():
                    if (behind := interval.find(id)) is not None:
                        interval.crashed(behind, outcome.crashcount)
                calls = self._recovering(interval)
            if interval.status != FAILED:
                interval.begin(task, self._clock.now())
            if await self._save(held, interval, calls):
                if interval.status == FAILED:
                    raise Cancel(str(interval.error))
                self.recovered += recovers
                return
        raise TransactionConflict(f"the run of schedule {about.schedule!r} changes all the time")

    async def look(self, schedule: str) -> Look:
        """Bring the run of a schedule in step with its jobs; give those tasks a job that have lost theirs."""
        for _ in range(_TRIES):
            held = await self.read(schedule)
            if held is None or held.interval is None:
                return Look(None, Finding())
            interval = held.interval
            finding = compare(interval, await self.outcomes(interval), self._clock.now())
            calls, jobs = await self._consequences(held, interval, finding)
            if not finding.changed or await self._save(held, interval, calls):
                self._woken({job.queue or "" for job in jobs})
                self.recovered += finding.interrupted and interval.status != FAILED
                return Look(interval, finding, len(jobs))
        raise TransactionConflict(f"the run of schedule {schedule!r} changes all the time")

    async def _consequences(self, held: Held, interval: Interval, finding: Finding) -> tuple[list[Call], list[NewJob]]:
        if not finding.interrupted:
            return [], []
        calls = self._recovering(interval)
        if interval.status == FAILED or not finding.lost:
            return calls, []
        jobs = await self._again(held, interval, finding.lost)
        if jobs:
            calls.append(Call(self._enqueue, [astuple(job) for job in jobs], {"notify": True}))
        return calls, jobs

    def _recovering(self, interval: Interval) -> list[Call]:
        """One recovery more; the run is given up when that is one too many."""
        if interval.attempts < self._max_attempts:
            interval.attempts += 1
            return []
        why = f"interval {interval.interval_id} was given up after {self._max_attempts} recovery attempts"
        left = interval.give_up(why, self._clock.now())
        return [Call(self._cancel, scalars={"id": id, "reason": why, "actor": _ACTOR}) for id in left]

    async def _save(self, held: Held, interval: Interval, calls: Sequence[Call]) -> bool:
        if interval.status != FAILED:
            return await self._write(held, interval, calls)
        # Its commit cancels the tasks that are left, he who waits for it here among them: it is heard out first.
        giving_up = asyncio.create_task(self._write(held, interval, calls), name=f"giving up {interval.interval_id}")
        try:
            return await asyncio.shield(giving_up)
        except asyncio.CancelledError:
            await asyncio.wait([giving_up])
            raise

    async def _write(self, held: Held, interval: Interval, calls: Sequence[Call]) -> bool:
        guard = Call(self._load("run_save"), scalars=_saved(held, interval))
        try:
            answer = await self._database.run_behind(guard, *calls)
        except TransactionConflict:
            return False
        if answer is None:
            return False
        if interval.status == FAILED:
            self.failed += 1
            _log.error(f"Recovery failed for job {held.schedule}: {interval.error}")
        return True

    async def _again(self, held: Held, interval: Interval, lost: Sequence[TaskProgress]) -> list[NewJob]:
        """Jobs for tasks that have none any more; what cannot be known again fails."""
        rows = await self._database.read(self._load("run_source"), id=interval.job_id)
        try:
            tasks = _payload.decode(rows[0]["payload"] or "").tasks if rows else []
            metadata = _metadata.decode(rows[0]["metadata"] or "{}") if rows else {}
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            tasks, metadata = [], {}
        known = {f"{interval.interval_id}:{number}": task for number, task in enumerate(tasks, start=1)}
        jobs = []
        for task in lost:
            if task.task_id not in known:
                interval.end(task, FAILED, self._clock.now(), error="its job is gone, and so is the payload")
                continue
            row = rows[0]
            origin = Origin(row["id"], row["queue"], row["priority"], held.maxretries, row["timeout"], metadata)
            jobs.append(job_of(origin, known[task.task_id], task.task_id, interval))
        return jobs


def current(held: Held | None, about: About) -> Interval | None:
    """The run that a task belongs to, if it goes on still."""
    found = held.interval if held is not None else None
    return found if found is not None and found.interval_id == about.interval else None


def _held(rows: Sequence[Row]) -> Held | None:
    if not rows:
        return None
    row = rows[0]
    text = row["interval_progress"]
    last = read_interval(text)
    goes_on = last is not None and last.open and last.interval_id == row["current_interval_id"]
    return Held(
        row["id"],
        text,
        last,
        last if goes_on else None,
        bool(row["enable_recovery"]),
        row["overlap"],
        row["maxretries"],
    )


def _saved(held: Held, interval: Interval) -> dict[str, Any]:
    ended = not interval.open
    return {
        "id": held.schedule,
        "was": held.text,
        "interval": None if ended else interval.interval_id,
        "progress": interval.text(),
        "started": interval.started_at,
        "lasterror": interval.trouble() if ended else None,
        "told": held.last.trouble() if held.last is not None else None,
    }

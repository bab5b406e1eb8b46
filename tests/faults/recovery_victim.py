"""A hub with a run of tasks that is going to be killed in one of them: `python -m tests.faults.recovery_victim …`.

Invariant: it runs the hub as it is; only the trap and the control asked for are put around it. What it says of itself
is in the journal: `began TASK`, and `landed PLACE TASK` right before it is killed.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import text

from hub.cli.serve import serve
from hub.handlers.entry import Entry
from hub.handlers.job import Job
from hub.handlers.mark import handler
from hub.ports import JobTransaction
from hub.queue.store import Store
from hub.scheduler.runs import current
from hub.scheduler.task_handlers import TaskEntries
from hub.scheduler.task_jobs import About
from hub.scheduler.tasks import COMPLETED
from tests.faults.points import Journal


class Place(StrEnum):
    """Where in a task the process dies."""

    BEGUN = "begun"
    """Its handler has not been called."""
    EFFECT = "effect"
    """Its handler has written, in a transaction that is not committed."""
    WRITTEN = "written"
    """The progress is written too, and not committed."""
    COMMITTED = "committed"
    """Everything is committed, nobody in the process knows."""


_journal: Journal
_place: Place | None = None
_task: str | None = None


def _passing(place: Place, task: str) -> None:
    if place is _place and task == _task:
        _journal.write(f"landed {place} {task}")
        os.kill(os.getpid(), signal.SIGKILL)


@handler("faults.task")
async def task(payload: Any, job: Job) -> str:
    """Leave an effect that says which task it is of."""
    _journal.write(f"began {payload}")
    _passing(Place.BEGUN, payload)
    await job.db.execute(text("INSERT INTO task_effects (task) VALUES (:task)"), {"task": payload})
    _passing(Place.EFFECT, payload)
    return f"result of {payload}"


def _install(*, apart: bool) -> None:
    """Lead the tasks past the trap; `apart`: with the fault that the tests must find, progress outside of the
    transaction that completes the task's job."""
    complete_in, end = Store.complete_in, TaskEntries.end
    written: dict[str, str] = {}

    async def end_passing(self: TaskEntries, entry: Entry, job: Job, about: About, result: Any) -> None:
        await (_end_apart if apart else end)(self, entry, job, about, result)
        written[job.id] = about.name
        _passing(Place.WRITTEN, about.name)

    async def complete_in_passing(self: Store, transaction: JobTransaction, settlement: Any) -> bool:
        kept = await complete_in(self, transaction, settlement)
        if kept and settlement.id in written:
            _passing(Place.COMMITTED, written[settlement.id])
        return kept

    TaskEntries.end = end_passing  # type: ignore[method-assign]  # that is what it is for
    Store.complete_in = complete_in_passing  # type: ignore[method-assign]  # that is what it is for


async def _end_apart(self: TaskEntries, entry: Entry, job: Job, about: About, result: Any) -> None:
    # As one might do it who has no transaction with the job: on a connection of its own, committed at once.
    held = await self._runs.read(about.schedule)
    interval = current(held, about)
    found = interval.find(job.id) if interval is not None else None
    if held is None or interval is None or found is None:
        raise RuntimeError("the control has no run")
    interval.end(found, COMPLETED, self._clock.now(), result=entry.encode_result(result))
    if not await self._runs._save(held, interval, ()):
        raise RuntimeError("the control could not commit")


def main(words: Sequence[str] | None = None) -> int:
    """Work until SIGTERM, or until the trap springs."""
    global _journal, _place, _task
    parser = argparse.ArgumentParser()
    parser.add_argument("--hub", type=Path, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--place", type=Place, default=None)
    parser.add_argument("--task", default=None)
    parser.add_argument("--apart", action="store_true")
    options = parser.parse_args(words)
    _journal, _place, _task = Journal(options.journal), options.place, options.task
    _install(apart=options.apart)
    # The configuration names this module's handler; it must be this very module.
    sys.modules["tests.faults.recovery_victim"] = sys.modules[__name__]
    serve(options.hub, roles=["worker"], queues=None)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A hub with workflows that is going to be killed in a step: `python -m tests.faults.workflow_victim --hub FILE …`.

Invariant: it runs the hub as it is; only the trap and the control asked for are put around it. What it says of itself
is in the journal: `began STEP`, and `landed PLACE STEP` right before it is killed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from hub.cli.serve import serve
from hub.handlers.entry import Entry
from hub.handlers.job import Job
from hub.ports import JobTransaction
from hub.queue.arrival import Arrival
from hub.queue.store import Store
from hub.workflows.progress import Finished, Progress
from hub.workflows.steps import StepEntries
from tests.faults.points import Journal


class Place(StrEnum):
    """Where in a step the process dies."""

    BEGUN = "begun"
    RETURNED = "returned"
    """Its handler has returned, nothing is written of its end."""
    ADVANCED = "advanced"
    """The progress is written, in a transaction that is not committed."""
    COMMITTED = "committed"
    """Everything is committed, nobody in the process knows."""


_journal: Journal
_place: Place | None
_step: str | None
_held: set[str]


def _passing(place: Place, step: str) -> None:
    if place is _place and step == _step:
        _journal.write(f"landed {place} {step}")
        os.kill(os.getpid(), signal.SIGKILL)


def _install(*, apart: bool) -> None:
    """Lead the steps past the trap; `apart`: with the fault that the tests must find, progress outside of the
    transaction that completes the step's job."""
    of, end = StepEntries.of, StepEntries._end

    def of_passing(self: StepEntries, entry: Entry) -> Entry:
        made = of(self, entry)
        call = made.call

        async def call_passing(job: Job) -> Any:
            step = _step_of(job)
            if step in _held:
                await asyncio.Event().wait()  # until the process is killed
            _journal.write(f"began {step}")
            _passing(Place.BEGUN, step)
            return await call(job)

        object.__setattr__(made, "call", call_passing)
        return made

    async def end_passing(self: StepEntries, entry: Entry, job: Job, result: Any) -> None:
        _passing(Place.RETURNED, _step_of(job))
        await end(self, entry, job, result)

    StepEntries.of = of_passing  # type: ignore[method-assign]  # that is what it is for
    StepEntries._end = end_passing  # type: ignore[method-assign]  # that is what it is for
    if apart:
        _write_progress_apart()
    _around_ends()


def _around_ends() -> None:
    advance, complete_in = Progress.advance, Store.complete_in
    advanced: dict[str, str] = {}

    async def advance_passing(self: Progress, transaction: JobTransaction, ends: Sequence[Finished]) -> Arrival:
        jobs = await advance(self, transaction, ends)
        for end in ends:
            advanced[f"{end.workflow_id}:{end.step}"] = end.step
            _passing(Place.ADVANCED, end.step)
        return jobs

    async def complete_in_passing(self: Store, transaction: JobTransaction, settlement: Any) -> bool:
        held = await complete_in(self, transaction, settlement)
        if held and settlement.id in advanced:
            _passing(Place.COMMITTED, advanced[settlement.id])
        return held

    Progress.advance = advance_passing  # type: ignore[method-assign]  # that is what it is for
    Store.complete_in = complete_in_passing  # type: ignore[method-assign]  # that is what it is for


def _write_progress_apart() -> None:
    advance = Progress.advance

    async def advance_apart(self: Progress, transaction: JobTransaction, ends: Sequence[Finished]) -> Arrival:
        # As one might do it who has no transaction with the job: on a connection of its own, committed at once.
        apart = self._database.begin_job("progress apart")
        jobs = await advance(self, apart, ends)
        for row in await self.lock(apart, [ends[0].workflow_id]):
            sealed = (row.workflow_id, row.version, row.status, row.context, _json(row.progress), "{}", None)
            ended = row.status in ("completed", "failed", "cancelled")
            if not await apart.commit_with(self.statement("seal"), (*sealed, ended, None, None)):
                raise RuntimeError("the control could not commit")
        return jobs

    Progress.advance = advance_apart  # type: ignore[method-assign]  # that is what it is for


def _json(progress: dict[str, str]) -> str:
    import json

    return json.dumps(progress)


def _step_of(job: Job) -> str:
    return job.id.rpartition(":")[2]


def main(words: Sequence[str] | None = None) -> int:
    """Work until SIGTERM, or until the trap springs."""
    global _journal, _place, _step, _held
    parser = argparse.ArgumentParser()
    parser.add_argument("--hub", type=Path, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--place", type=Place, default=None)
    parser.add_argument("--step", default=None)
    parser.add_argument("--hold", nargs="*", default=[], help="steps that do not begin here")
    parser.add_argument("--apart", action="store_true")
    options = parser.parse_args(words)
    _journal, _place, _step = Journal(options.journal), options.place, options.step
    _held = set(options.hold)
    _install(apart=options.apart)
    serve(options.hub, roles=["worker"], queues=None)
    return 0


if __name__ == "__main__":
    sys.exit(main())

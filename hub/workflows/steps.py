"""A handler as a step: its entry, with the step's own way to end and to be tried again.

Invariant: a step's handler is the handler itself, with its payload type, middleware, timeout and isolation; only after
it has returned does the step differ from a plain job: its end and what it means to the workflow are one commit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec

from hub.clock import Clock
from hub.errors import Permanent
from hub.handlers.entry import Entry
from hub.handlers.job import Job
from hub.handlers.mark import marks
from hub.queue.attempt import Attempt
from hub.workflows import rows
from hub.workflows.progress import Progress, finished, own


class StepEntries:
    """Makes the entries of steps; `failed` is told the ids of jobs whose attempt did not end well."""

    def __init__(self, progress: Progress, clock: Clock, failed: Callable[[str], None]) -> None:
        self._progress = progress
        self._clock = clock
        self._failed = failed

    def of(self, entry: Entry) -> Entry:
        """The entry that runs rows of a workflow for this handler."""
        rules = entry.rules
        if not any(mark.name == entry.name and mark.retry is not None for mark in marks(entry.function)):
            rules = msgspec.structs.replace(rules, schedule=retry_delay)
        return dataclasses.replace(entry, rules=rules, share_transaction=False, batch=None, call=self._call(entry))

    def _call(self, entry: Entry) -> Callable[[Job], Any]:
        async def call(job: Job) -> Any:
            try:
                _refuse_fault(job)
                result = await entry.call(job)
                await self._end(entry, job, result)
            except BaseException:
                self._failed(job.id)
                raise
            return result

        return call

    async def _end(self, entry: Entry, job: Job, result: Any) -> None:
        output = entry.encode_result(result)
        claim, attempt = job._claim, job._attempt
        rows.check_output(claim.payload, output)
        if not isinstance(attempt, Attempt):
            return  # a handler that is called by a test, without a hub
        if not attempt.in_transaction and not attempt.outbound:
            attempt.completer = self._progress.complete
            return
        duration = round((self._clock.monotonic() - attempt.started) * 1000)
        end = finished(claim, output, duration)
        if end is not None:
            begun = await self._progress.advance(own(attempt.transaction), [end])
            attempt.arrival |= begun


def retry_delay(retry: int) -> float:
    """1, 2, 4, 8 minutes, and no more than an hour, unless the handler has a rule of its own."""
    return float(min(60 * 2 ** min(retry, 10), 3600))


def _refuse_fault(job: Job) -> None:
    """What could not be said when the step began, as no step had an attempt to fail then."""
    if '"fault"' not in (job._claim.metadata or ""):
        return
    about = job.metadata.get(rows.METHOD)
    fault = about.get("fault") if isinstance(about, dict) else None
    if fault:
        raise Permanent(str(fault))

"""What people and programs do with workflows: start, look, cancel, resume, signal, clean up.

Invariant: works with or without workers in this process; whichever hub there is goes on with what is changed here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import Any, Protocol

import msgspec

from hub.clock import Clock
from hub.errors import NotFound, Rejected
from hub.handlers.job import Job
from hub.handlers.payload import NotJson, storable_json
from hub.model import Status
from hub.ports import Database, Row
from hub.queue.application import AnyConnection
from hub.queue.arrival import Told
from hub.queue.columns import instant, parsed
from hub.queue.records import LARGEST_PAGE, Records
from hub.queue.store import Store
from hub.workflows import graph, rows
from hub.workflows.catalog import Catalog
from hub.workflows.change import Change
from hub.workflows.definition import Definition, Step
from hub.workflows.progress import Progress, own, read_progress
from hub.workflows.start import Start, start, start_in

Record = dict[str, Any]

STATUSES = (graph.PENDING, graph.RUNNING, graph.COMPLETED, graph.FAILED, graph.CANCELLED)
_MOST = 100_000
_TIMES = ("started_at", "completed_at", "created_at", "updated_at")


class Cancel(Protocol):
    """Cancels a job that waits, asks one that runs to stop."""

    def __call__(self, job_id: str, *, reason: str, actor: str) -> Awaitable[Status | None]: ...


class Workflows:
    """See the module. Methods that name an execution raise NotFound, and Conflict where its state does not allow it."""

    def __init__(
        self,
        database: Database,
        store: Store,
        records: Records,
        catalog: Catalog,
        clock: Clock,
        *,
        arrived: Told,
        cancel: Cancel | None = None,
    ) -> None:
        self._database = database
        self._records = records
        self._clock = clock
        self._arrived = arrived
        self._cancel: Cancel = cancel or store.cancel
        self.catalog = catalog
        self.progress = Progress(database, store, arrived)
        self.change = Change(database, store, self.progress, catalog, arrived)

    # --- start ------------------------------------------------------------------------------------------------------

    async def start(
        self,
        type: str,
        context: Mapping[str, Any] | None = None,
        *,
        connection: AnyConnection | None = None,
        actor: str | None = None,
    ) -> str:
        """Start a workflow and answer the id of its execution, once that is durable; with `connection` as a part of the
        caller's own transaction. Raises NotFound for an unknown type, Rejected for a context that is no object."""
        beginning = self._beginning(type, context, actor)
        if connection is not None:
            await start_in(connection, beginning, self._arrived)
        else:
            await self.change.start(beginning)
        return beginning.workflow_id

    async def start_by(self, job: Job, type: str, context: Any) -> str:
        """Start a workflow in a job's transaction."""
        beginning = self._beginning(type, context, job.id, job.traceparent)
        attempt = job._attempt
        await self.change.start_in(own(attempt.transaction), beginning)
        for first in beginning.jobs:
            attempt.enqueue(first)
        return beginning.workflow_id

    def _beginning(self, type: str, context: Any, actor: str | None, traceparent: str | None = None) -> Start:
        definition = self.catalog.of(type)
        text = rows.context_text(context)
        return start(self._clock.new_id(), definition, text, actor=actor, traceparent=traceparent)

    # --- seen -------------------------------------------------------------------------------------------------------

    async def summary(self, workflow_id: str) -> Record:
        """An execution with its steps, those that have not begun among them, in the order of its definition."""
        found = await self._read("show", id=workflow_id)
        if not found:
            raise NotFound(f"there is no workflow {workflow_id!r}")
        row = found[0]
        begun = {step["step_name"]: step for step in await self._read("steps", id=workflow_id)}
        steps = [_step(row, step, begun.get(step.name)) for step in _defined(row["definition"])]
        return {
            "workflow_id": row["workflow_id"],
            "workflow_type": row["workflow_type"],
            "status": row["status"],
            "context": parsed(row["context"]),
            **{name: instant(row[name]) for name in _TIMES},
            "error_message": row["error_message"],
            "created_by": row["created_by"],
            "signals": parsed(row["signals"]),
            "steps": steps,
        }

    async def page(
        self,
        *,
        status: str | None = None,
        type: str | None = None,
        since: datetime | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> tuple[list[Record], str | None]:
        """Executions, newest first, without context and steps; `steps` counts those that have completed and those that
        have begun. Also the cursor of the page after, None if this was the last."""
        if not 1 <= limit <= LARGEST_PAGE:
            raise Rejected(f"a page holds 1 to {LARGEST_PAGE} rows, not {limit}", field="limit")
        if status is not None and status not in STATUSES:
            raise Rejected(f"status: one of {', '.join(STATUSES)}", field="status")
        found = await self._read("list", status=status, type=type, since=since, cursor=cursor, limit=limit + 1)
        records = [_listed(row) for row in found[:limit]]
        return records, records[-1]["workflow_id"] if len(found) > limit else None

    async def counts(self) -> dict[str, int]:
        """How many executions there are in each status; each count ends at 100,000."""
        found = {row[0]: int(row[1]) for row in await self._read("counts", most=_MOST)}
        return {status: found.get(status, 0) for status in STATUSES}

    async def stuck(self, seconds: float, limit: int = 100) -> list[Record]:
        """Executions that run for longer than `seconds` and have not moved as long, but for those that wait for a
        signal or a time."""
        found = await self._read("stuck", seconds=float(seconds), limit=limit)
        return [
            {
                "workflow_id": row["workflow_id"],
                "workflow_type": row["workflow_type"],
                "since": instant(row["updated_at"]),
            }
            for row in found
        ]

    # --- changed ----------------------------------------------------------------------------------------------------

    async def cancel(self, workflow_id: str, *, actor: str) -> None:
        """End an execution: its waiting jobs are cancelled, its running ones asked to stop."""
        for job_id in await self.change.cancel(workflow_id):
            await self._cancel(job_id, reason="its workflow was cancelled", actor=actor)

    async def resume(self, workflow_id: str, *, actor: str) -> list[str]:
        """Go on from the steps that failed or were cancelled; answers their names."""
        return await self.change.resume(workflow_id, lambda ids: self._records.redrive(ids, actor=actor))

    async def signal(self, workflow_id: str, name: str, payload: Any = None) -> list[str]:
        """Send a signal; one that comes before its step has begun is kept for it. Answers the steps that go on now."""
        try:
            text = storable_json(payload)
        except NotJson as error:
            raise Rejected(f"payload: {error}", field="payload") from error
        if len(text) > rows.CONTEXT_LIMIT:
            raise Rejected(f"payload: larger than {rows.CONTEXT_LIMIT} characters", field="payload")
        return await self.change.signal(workflow_id, name, text)

    async def delete_old(self, seconds: float, limit: int) -> int:
        """Delete up to `limit` executions that completed or were cancelled so long ago, with their steps."""
        statement = self.progress.statement("delete_old")
        deleted = await self._database.run(statement, seconds=float(seconds), limit=limit)
        return len(deleted)

    async def signalled(self, workflow_id: str, name: str) -> tuple[bool, Any]:
        """Whether this signal has come, and its payload."""
        found = await self._read("show", id=workflow_id)
        signals = msgspec.json.decode(found[0]["signals"]) if found else {}
        return name in signals, signals.get(name)

    async def _read(self, name: str, **scalars: Any) -> list[Row]:
        return await self._database.read(self.progress.statement(name), **scalars)


def _defined(text: str | None) -> tuple[Step, ...]:
    """The steps of the definition that an execution keeps; none where it has none, or SQL has written another text."""
    try:
        return () if text is None else Definition.read(text).steps
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ()


def _listed(row: Row) -> Record:
    states = read_progress(row["progress"]).values()
    return {
        "workflow_id": row["workflow_id"],
        "workflow_type": row["workflow_type"],
        "status": row["status"],
        **{name: instant(row[name]) for name in _TIMES},
        "error_message": row["error_message"],
        "steps_completed": sum(state == graph.COMPLETED for state in states),
        "steps_begun": len(states),
    }


def _step(execution: Row, step: Step, row: Row | None) -> Record:
    record: Record = {
        "step_id": rows.step_id(execution["workflow_id"], step.name),
        "step_name": step.name,
        "status": graph.PENDING,
        "input_data": None,
        "output_data": None,
        "error_message": None,
        "started_at": None,
        "completed_at": None,
        "after": list(step.after),
        "handler": step.handler,
        "wait_for": step.wait_for,
        "due_at": None,
    }
    if row is None:
        return record
    record["status"], record["error_message"] = _live(row)
    record["input_data"], record["output_data"] = parsed(row["input_data"]), parsed(row["output_data"])
    record["started_at"] = instant(row["started_at"] or row["startedat"])
    record["completed_at"] = instant(row["completed_at"])
    if row["status"] in graph.OPEN:
        due = instant(row["scheduledat"])
        record["due_at"] = due if due is None or due < rows.NEVER else None
    return record


def _live(row: Row) -> tuple[str, str | None]:
    """A step's state and error, with what its job does at this moment."""
    if row["status"] not in (*graph.OPEN, graph.FAILED) or row["statusid"] is None:
        return row["status"], row["error_message"]
    match row["statusid"]:
        case Status.PROCESSING:
            return graph.RUNNING, row["lasterror"]
        case Status.RETRYING:
            return "retrying", row["lasterror"]
        case Status.PENDING | Status.QUEUED | Status.SCHEDULED if row["status"] == graph.FAILED:
            return graph.QUEUED, row["lasterror"]
    return row["status"], row["error_message"]

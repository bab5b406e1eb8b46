"""`/jobs`: scheduled and interval jobs, as the background job service has them.

Invariant: a job here is a row of the table `jobs`, the same that SQL and the configuration write; whoever fires it
learns of a change as of any other. Every change is signed with the caller's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from aiohttp import web

from hub.adapters.http.answers import HttpFault, json_answer
from hub.api import job_bodies
from hub.api.access import Caller, Role
from hub.api.endpoint import Body, Endpoint, Parameter
from hub.api.fields import Key
from hub.api.parameters import LIMIT, names
from hub.api.payloads import convert, read_json
from hub.api.query import Query, identifier, invalid
from hub.api.services import ApiServices
from hub.api.shapes import JobAccepted
from hub.api.shapes_of_jobs import (
    JobKind,
    JobWord,
    ScheduledJob,
    ScheduledJobChange,
    ScheduledJobPage,
    ScheduledJobRequest,
)
from hub.errors import AlreadyExists, Conflict, Rejected
from hub.queue.arrival import Arrival
from hub.scheduler.control import Control
from hub.scheduler.records import Definition, Filter, JobRecords
from hub.telemetry import get_logger

_audit = get_logger("hub.audit")

_TAG = "scheduled jobs"
_UPCOMING_MOST = 100
_TRIES = 3
_TIMES = ("cronexpression", "intervalseconds", "startat", "timezone")
_FLAGS = {"true": True, "false": False, "1": True, "0": False}
_STATUSES = ("active", "processing", "paused", "completed", "failed")
_COLUMNS = {
    "cron": "interval",
    "cronexpression": "interval",
    "intervalseconds": "interval",
    "startat": "schedule",
    "nextrunat": "schedule",
    "maxretries": "max_retries",
}
"""What a column is called here."""
_QUERY = (
    Parameter("page", Annotated[int, msgspec.Meta(ge=1)], "Which page; the first is 1."),
    LIMIT,
    Parameter("status", JobWord, "Only jobs in this state."),
    Parameter("type", JobKind, "Only jobs of this type."),
    Parameter("workspace_id", Key, "Only jobs of this workspace."),
    Parameter("incomplete", bool, "Only jobs with a run of tasks that has not ended."),
)
_UPCOMING = (
    Parameter(
        "upcoming",
        Annotated[int, msgspec.Meta(ge=0, le=_UPCOMING_MOST)],
        "How many of the next fire times are to be told.",
    ),
)
_ONE: dict[str, Any] = {"tag": _TAG, "answers": {200: ScheduledJob}, "refusals": (409,)}
_EXAMPLE = {
    "name": "nightly import",
    "workspace_id": "123e4567-e89b-12d3-a456-426614174000",
    "type": "interval",
    "interval": "0 2 * * *",
    "payload": {"tasks": [{"name": "fetch", "handler": "system.record", "payload": {"from": "erp"}}]},
    "enable_recovery": True,
}


class Jobs:
    """`records` are the rows, `control` pauses, resumes and tells the next times."""

    def __init__(self, services: ApiServices, records: JobRecords, control: Control) -> None:
        self._services = services
        self._records = records
        self._control = control

    def endpoints(self) -> Iterator[Endpoint]:
        yield Endpoint("GET", "/jobs", Role.VIEWER, self.page, tag=_TAG, query=_QUERY, answers={200: ScheduledJobPage})
        yield Endpoint(
            *("POST", "/jobs", Role.OPERATOR, self.create),
            tag=_TAG,
            body=Body(ScheduledJobRequest, example=_EXAMPLE),
            answers={201: ScheduledJob},
            refusals=(409,),
        )
        yield Endpoint(
            *("GET", "/jobs/{id}", Role.VIEWER, self.show), tag=_TAG, query=_UPCOMING, answers={200: ScheduledJob}
        )
        yield Endpoint(
            *("PUT", "/jobs/{id}", Role.OPERATOR, self.change),
            tag=_TAG,
            body=Body(ScheduledJobChange, example={"interval": "5m"}),
            answers={200: ScheduledJob},
            refusals=(409,),
        )
        yield Endpoint("DELETE", "/jobs/{id}", Role.OPERATOR, self.delete, tag=_TAG, answers={204: None})
        yield Endpoint("PATCH", "/jobs/{id}/pause", Role.OPERATOR, self.pause, **_ONE)
        yield Endpoint("PATCH", "/jobs/{id}/resume", Role.OPERATOR, self.resume, **_ONE)
        yield Endpoint("POST", "/jobs/{id}/run", Role.OPERATOR, self.run, tag=_TAG, answers={202: JobAccepted})

    async def page(self, request: web.Request, caller: Caller) -> web.Response:
        """List scheduled and interval jobs, the newest first."""
        query = Query(request, names(_QUERY))
        page, limit = _number(query, "page", 1, 1, 10**9), query.limit()
        asked = Filter(
            type=_one_of(query, "type", ("scheduled", "interval")),
            status=_one_of(query, "status", _STATUSES),
            workspace=query.text("workspace_id"),
            incomplete=_flag(query, "incomplete"),
        )
        records, total = await self._records.page(asked, skip=(page - 1) * limit, limit=limit)
        data = [job_bodies.view(record, caller) for record in records]
        pages = -(-total // limit)
        return json_answer({"data": data, "total": total, "totalPage": pages, "page": page, "limit": limit})

    async def create(self, request: web.Request, caller: Caller) -> web.Response:
        """Create a job that runs at a time or at an interval.

        201 with the job. A time that is past is due at once; a name that is taken is a conflict.
        """
        services = self._services
        asked = convert(await read_json(request, services.configuration.http), ScheduledJobRequest)
        made = job_bodies.definition(asked, services.configuration)
        with _InWords():
            job_id = await self._records.create(made, actor=caller.name)
        services.schedules_changed()
        _audit.info("job created", actor=caller.name, job=job_id, name=made.name, handler=made.handler)
        return json_answer(await self._shown(job_id, caller), 201, {"Location": f"/jobs/{job_id}"})

    async def show(self, request: web.Request, caller: Caller) -> web.Response:
        """Show a job, with how far its run of tasks is.

        `upcoming=5` adds the next times at which it fires.
        """
        query, job_id = Query(request, names(_UPCOMING)), identifier(request)
        count = _number(query, "upcoming", 0, 0, _UPCOMING_MOST)
        found = await self._shown(job_id, caller)
        if count:
            found["upcoming"] = await self._upcoming(job_id, count)
        return json_answer(found)

    async def change(self, request: web.Request, caller: Caller) -> web.Response:
        """Change a job; members that are left out stay as they are.

        What the hub alone decides (the id, counters, the progress) is left alone.
        """
        job_id, services = identifier(request), self._services
        value = await read_json(request, services.configuration.http)
        definition, moved = await self._change(job_id, value, caller)
        services.schedules_changed()
        _audit.info("job changed", actor=caller.name, job=job_id, name=definition.name, handler=definition.handler)
        return json_answer(await self._shown(job_id, caller, moved=moved))

    async def delete(self, request: web.Request, caller: Caller) -> web.Response:
        """Delete a job: it fires no more, and its name is free. What it has started goes on."""
        job_id = identifier(request)
        await self._records.delete(job_id, actor=caller.name)
        self._services.schedules_changed()
        _audit.info("job deleted", actor=caller.name, job=job_id)
        return web.Response(status=204, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})

    async def pause(self, request: web.Request, caller: Caller) -> web.Response:
        """Stop a job until it is resumed; 409 for one that has ended."""
        job_id = await self._live(identifier(request), "paused")
        await self._control.pause(job_id, actor=caller.name)
        self._services.schedules_changed()
        _audit.info("job paused", actor=caller.name, job=job_id)
        return json_answer(await self._shown(job_id, caller))

    async def resume(self, request: web.Request, caller: Caller) -> web.Response:
        """Let a job go on from now: what it missed is not made up. 409 for one that has ended."""
        job_id = await self._live(identifier(request), "resumed")
        await self._control.resume(job_id, actor=caller.name)
        self._services.schedules_changed()
        _audit.info("job resumed", actor=caller.name, job=job_id)
        return json_answer(await self._shown(job_id, caller))

    async def run(self, request: web.Request, caller: Caller) -> web.Response:
        """Run a job once more now, also one that is paused.

        202 `{job_id}`: what was queued. Its times and its count stay as they are.
        """
        job_id, services = identifier(request), self._services
        await services.intake.admit(0)
        made, queue = await self._control.run(job_id, actor=caller.name)
        services.arrived(Arrival(frozenset([queue])))
        _audit.info("job run", actor=caller.name, job=job_id, made=made)
        return json_answer({"job_id": made}, 202, {"Location": f"/api/queue/{made}"})

    # --- rows ---------------------------------------------------------------------------------------------------------

    async def _change(self, job_id: str, value: Any, caller: Caller) -> tuple[Definition, bool]:
        """What the job is now, and whether it says other times than before."""
        for left in reversed(range(_TRIES)):
            record = await self._records.show(job_id)
            definition = job_bodies.changed(record, value, self._services.configuration)
            try:
                with _InWords():
                    await self._records.update(job_id, record["rowversionstamp"], definition, actor=caller.name)
                return definition, any(record[column] != getattr(definition, column) for column in _TIMES)
            except Conflict:
                if not left:
                    raise
        raise AssertionError("unreachable: the last try raises or returns")

    async def _live(self, job_id: str, what: str) -> str:
        state = (await self._records.show(job_id))["state"]
        if state in ("completed", "failed"):
            raise HttpFault(409, "conflict", f"the job has ended, it cannot be {what}: it is {state}")
        return job_id

    async def _shown(self, job_id: str, caller: Caller, *, moved: bool = False) -> dict[str, Any]:
        found = job_bodies.view(await self._records.show(job_id), caller)
        if (moved or found["next_run_at"] is None) and found["status"] in ("active", "processing"):
            # No scheduler has seen it yet.
            found["next_run_at"] = next(iter(await self._upcoming(job_id, 1, anew=moved)), None)
        return found

    async def _upcoming(self, job_id: str, count: int, *, anew: bool = False) -> list[Any]:
        try:
            return list(await self._control.upcoming(job_id, count, anew=anew))
        except Rejected:
            return []  # a row of SQL that says no times; last_error tells


class _InWords:
    """Faults of columns as faults of the members that they came from."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Rejected):
            column = (error.field or "schedule").partition(".")[0]
            raise invalid(_COLUMNS.get(column, column), str(error)) from error
        if isinstance(error, AlreadyExists):
            raise HttpFault(409, error.code, "name: another job has it", field="name") from error


def _number(query: Query, name: str, default: int, least: int, most: int) -> int:
    text = query.text(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and least <= int(text) <= most):
        raise invalid(name, f"a whole number from {least} to {most}")
    return int(text)


def _one_of(query: Query, name: str, words: tuple[str, ...]) -> str | None:
    text = query.text(name)
    if text is not None and text not in words:
        raise invalid(name, f"one of {', '.join(words)}")
    return text


def _flag(query: Query, name: str) -> bool:
    text = query.text(name)
    if text is not None and text not in _FLAGS:
        raise invalid(name, "true or false")
    return text is not None and _FLAGS[text]

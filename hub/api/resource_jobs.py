"""`/api/jobs`: jobs by resource type, as the background job service has them.

Invariant: a resource type is a name for a handler, nothing more; the rows are queue_jobs like any other, and what the
caller said about the resource stands in their metadata.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web

from hub.adapters.http.answers import json_answer
from hub.api.access import Caller, Role
from hub.api.endpoint import Body, Endpoint, Parameter
from hub.api.fields import Int32, Key, Retries, Zoned
from hub.api.parameters import PAGE, names
from hub.api.payloads import convert, due, encoded, read_json
from hub.api.query import LIMIT_MOST, Query, identifier, invalid, no_job
from hub.api.services import ApiServices
from hub.api.shapes import JobAccepted, ResourceJob, ResourceJobPage, ResourceWord
from hub.api.views import job_view
from hub.config import Configuration
from hub.config.faults import did_you_mean
from hub.handlers.payload import is_json
from hub.model import NewJob, Status
from hub.telemetry import get_logger

_audit = get_logger("hub.audit")

_WORDS = {
    Status.PENDING: "created",
    Status.QUEUED: "created",
    Status.SCHEDULED: "created",
    Status.PROCESSING: "processing",
    Status.RETRYING: "processing",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
}
_NAMES = ("user_id", "resource_type", "resource_id", "workspace_id")
_TAG = "resource jobs"
# Pages that a request reads at most where the handler of a resource type has jobs of others; `next` goes on then.
_ROUNDS = 50
_QUERY = (
    Parameter("resource_type", Key, "Only jobs of this type."),
    Parameter("status", ResourceWord, "Only jobs in this state."),
    *PAGE,
)
_EXAMPLE = {"user_id": "u-1", "resource_type": "ai_agent", "resource_id": "r-1", "payload": {"prompt": "Hello"}}


class ResourceJobRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`payload` is JSON, as a text or as it stands."""

    user_id: Key
    resource_type: Key
    resource_id: Key
    payload: Any = None
    priority: Int32 | None = None
    scheduled_at: Zoned | None = None
    max_retries: Retries | None = None
    workspace_id: Key | None = None


class ResourceJobs:
    def __init__(self, services: ApiServices) -> None:
        self._services = services

    def endpoints(self) -> Iterator[Endpoint]:
        yield Endpoint(
            *("POST", "/api/jobs/create", Role.OPERATOR, self.create),
            tag=_TAG,
            body=Body(ResourceJobRequest, example=_EXAMPLE),
            answers={201: JobAccepted},
        )
        yield Endpoint(
            *("GET", "/api/jobs", Role.VIEWER, self.page), tag=_TAG, query=_QUERY, answers={200: ResourceJobPage}
        )
        yield Endpoint("GET", "/api/jobs/{id}", Role.VIEWER, self.show, tag=_TAG, answers={200: ResourceJob})

    async def create(self, request: web.Request, caller: Caller) -> web.Response:
        """Create a job of a resource type.

        201 `{job_id}`. The type's handler, queue, priority, retries and time-out come from the configuration.
        """
        services = self._services
        asked = convert(await read_json(request, services.configuration.http), ResourceJobRequest)
        await services.intake.admit(request.content_length or 0)
        answer = await services.commit.enqueue(_job(asked, services.configuration, services.clock.new_id(), caller))
        _audit.info("enqueued", actor=caller.name, job=answer.id, resource_type=asked.resource_type)
        return json_answer({"job_id": answer.id}, 201, {"Location": f"/api/jobs/{answer.id}"})

    async def show(self, request: web.Request, caller: Caller) -> web.Response:
        """Show a job in the words of its resource."""
        job_id = identifier(request)
        record = await self._services.records.job(job_id)
        if record is None:
            raise no_job(job_id)
        return json_answer(_view(record, caller))

    async def page(self, request: web.Request, caller: Caller) -> web.Response:
        """List jobs of the resource types, newest first.

        `status` is one of this address's own words.
        """
        query = Query(request, names(_QUERY))
        kind = query.text("resource_type")
        handlers = _handlers(self._services.configuration, kind)
        statuses = _statuses(query.text("status"))
        limit, cursor, since = query.limit(), query.cursor(), query.instant("since")
        found: list[dict[str, Any]] = []
        # One more than is shown says whether there are more; those of others are passed over.
        size = limit + 1
        for _ in range(_ROUNDS):
            rows, cursor = await self._newest(handlers, statuses, since, cursor, size)
            found += [row for row in rows if _is_of(row, kind)]
            if cursor is None or len(found) > limit:
                break
            size = min(2 * size, LIMIT_MOST)
        following = found[limit - 1]["id"] if len(found) > limit else cursor
        return json_answer({"data": [_view(row, caller) for row in found[:limit]], "next": following})

    async def _newest(
        self,
        handlers: Sequence[str],
        statuses: Sequence[Status | None],
        since: datetime | None,
        cursor: str | None,
        size: int,
    ) -> tuple[list[dict[str, Any]], str | None]:
        """The `size` newest rows of these handlers in these states, and where to go on (None: there are no more)."""
        pages = await asyncio.gather(
            *(
                self._services.records.jobs(status=status, handler=handler, since=since, cursor=cursor, limit=size)
                for handler in handlers
                for status in statuses
            )
        )
        # Each list is in the order of ids, so that their merge is too, and one cursor serves them all.
        merged = sorted((row for page, _ in pages for row in page), key=lambda row: str(row["id"]), reverse=True)
        more = len(merged) > size or any(following is not None for _, following in pages)
        return merged[:size], str(merged[:size][-1]["id"]) if merged and more else None


def _job(asked: ResourceJobRequest, configuration: Configuration, id: str, caller: Caller) -> NewJob:
    known = configuration.resource_types.get(asked.resource_type)
    if known is None:
        near = did_you_mean(asked.resource_type, configuration.resource_types)
        raise invalid("resource_type", f"unknown; {near or 'resource_types of the configuration names them'}")
    if isinstance(asked.payload, str) and not is_json(asked.payload):
        raise invalid("payload", "a text must hold JSON")
    payload, contenttype, encoding = encoded(asked.payload)
    about = {name: value for name in _NAMES if (value := getattr(asked, name)) is not None}
    return NewJob(
        id=id,
        handler=known.handler,
        payload=payload,
        contenttype=contenttype,
        payloadencoding=encoding,
        queue=known.queue,
        priority=known.priority if asked.priority is None else asked.priority,
        maxretries=known.max_retries if asked.max_retries is None else asked.max_retries,
        scheduledat=due(asked.scheduled_at, "scheduled_at"),
        timeout=known.timeout,
        metadata=msgspec.json.encode(about).decode(),
        createdby=caller.name,
    )


def _view(record: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """A row in this address's own words; `payload` and `result` are the JSON texts of the row."""
    about = _about(record)
    row = job_view(record, caller)
    shown = {
        "job_id": row["id"],
        "status": _WORDS[Status(row["statusid"])],
        "resource_type": about.get("resource_type"),
        "resource_id": about.get("resource_id"),
        "user_id": about.get("user_id"),
        "payload": row.get("payload"),
        "result": row.get("result"),
        "error": row["lasterror"],
        "priority": row["priority"],
        "retry_count": row["retrycount"],
        "max_retries": row["maxretries"],
        "scheduled_at": row["scheduledat"],
        "created_at": row["createdon"],
        "started_at": row["startedat"],
        "completed_at": row["completedat"],
    }
    if "payload" not in row:  # hidden from this caller
        del shown["payload"], shown["result"]
    return shown


def _about(record: dict[str, Any]) -> dict[str, Any]:
    """What the row says about its resource; rows written by SQL may hold any JSON there."""
    found = record["metadata"]
    return found if isinstance(found, dict) else {}


def _is_of(record: dict[str, Any], kind: str | None) -> bool:
    """Whether a row is a job of this resource type, or of any: types may share a handler, and others may use it."""
    found = _about(record).get("resource_type")
    return found is not None if kind is None else found == kind


def _handlers(configuration: Configuration, resource_type: str | None) -> list[str]:
    """The handlers whose jobs are listed. Raises HttpFault 422."""
    types = configuration.resource_types
    if resource_type is None:
        return list(dict.fromkeys(found.handler for found in types.values()))
    if resource_type not in types:
        raise invalid("resource_type", f"unknown; {did_you_mean(resource_type, types) or 'see /api/configuration'}")
    return [types[resource_type].handler]


def _statuses(word: str | None) -> list[Status | None]:
    if word is None:
        return [None]
    found: list[Status | None] = [status for status, name in _WORDS.items() if name == word]
    if not found:
        raise invalid("status", f"one of {', '.join(dict.fromkeys(_WORDS.values()))}")
    return found

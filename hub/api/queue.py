"""`/api/queue`: jobs put in by hand, looked at, retried, cancelled.

Invariant: a list of jobs is enqueued whole or not at all. Every change is signed with the caller's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from aiohttp import web
from msgspec import Meta

from hub.adapters.http.answers import HttpFault, json_answer
from hub.api.access import Caller, Role
from hub.api.endpoint import Body, Endpoint, Parameter
from hub.api.fields import Int32, Key, QueueName, Retries, Seconds, Zoned
from hub.api.parameters import HANDLER, PAGE, QUEUE, STATUS, names
from hub.api.payloads import convert, due, encoded, metadata_json, read_json
from hub.api.query import Query, identifier, invalid, no_job
from hub.api.services import ApiServices
from hub.api.shapes import Enqueued as EnqueuedShape
from hub.api.shapes import EnqueuedMany, JobDetail, JobPage, JobState
from hub.api.views import history_view, job_view
from hub.errors import AlreadyExists, TransactionConflict
from hub.model import BoundJob, Enqueued, NewJob, Status
from hub.queue.arrival import Arrival
from hub.queue.records import unretried
from hub.telemetry import get_logger

_audit = get_logger("hub.audit")

MOST = 1000
_RERUNS = 3
_TAG = "queue"
_EXAMPLE = {"handler": "order.processing", "payload": {"id": 7, "total": 12.5}, "queue": "critical", "priority": 5}
_QUERY = (STATUS, HANDLER, QUEUE, Parameter("protocol", Key, "Only what came or goes by this protocol."), *PAGE)


class JobRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One job of `POST /api/queue`. `payload`: a text is taken as it stands, any other value as JSON; `timeout` in
    seconds; `scheduledat` in RFC 3339; an `id` that is taken is a conflict, a `dedupekey` or a `uniquekey` (of a job of
    the handler that lives) that is taken a repeat."""

    handler: Key
    payload: Any = None
    id: Key | None = None
    queue: QueueName | None = None
    priority: Int32 = 0
    maxretries: Retries | None = None
    scheduledat: Zoned | None = None
    orderingkey: Key | None = None
    dedupekey: Key | None = None
    uniquekey: Key | None = None
    parentjobid: Key | None = None
    timeout: Seconds | None = None
    metadata: dict[str, Any] | None = None


JobRequests = Annotated[list[JobRequest], Meta(max_length=MOST)]


class Queue:
    def __init__(self, services: ApiServices) -> None:
        self._services = services

    def endpoints(self) -> Iterator[Endpoint]:
        one = "/api/queue/{id}"
        yield Endpoint("GET", "/api/queue", Role.VIEWER, self.page, tag=_TAG, query=_QUERY, answers={200: JobPage})
        yield Endpoint(
            *("POST", "/api/queue", Role.OPERATOR, self.create),
            tag=_TAG,
            body=Body(JobRequest | JobRequests, example=_EXAMPLE),
            answers={201: (EnqueuedShape, EnqueuedMany), 200: EnqueuedShape},
            refusals=(409,),
        )
        yield Endpoint("GET", one, Role.VIEWER, self.show, tag=_TAG, answers={200: JobDetail})
        yield Endpoint(
            *("POST", f"{one}/retry", Role.OPERATOR, self.retry), tag=_TAG, answers={200: JobState}, refusals=(409,)
        )
        yield Endpoint(
            *("POST", f"{one}/cancel", Role.OPERATOR, self.cancel),
            tag=_TAG,
            answers={200: JobState, 202: JobState},
            refusals=(409,),
        )

    async def page(self, request: web.Request, caller: Caller) -> web.Response:
        """List jobs, newest first.

        By their ids, which begin with the time they were made at. Long texts are cut; one job by its id is whole.
        """
        query = Query(request, names(_QUERY))
        page, following = await self._services.records.jobs(
            status=query.status(),
            handler=query.text("handler"),
            queue=query.text("queue"),
            protocol=query.text("protocol"),
            since=query.instant("since"),
            cursor=query.cursor(),
            limit=query.limit(),
        )
        return json_answer({"data": [job_view(record, caller) for record in page], "next": following})

    async def create(self, request: web.Request, caller: Caller) -> web.Response:
        """Enqueue a job, or a list of up to 1000.

        201 `{id}` for one, `{ids}` for a list, which is enqueued whole or not at all; 200 and the known id for a
        repeated dedupe key of one. 409 for an id that is taken.
        """
        value = await read_json(request, self._services.configuration.http)
        await self._services.intake.admit(request.content_length or 0)
        try:
            return await self._create(value, caller)
        except AlreadyExists as error:  # the database's own words name its constraint
            raise HttpFault(409, error.code, "id: another job has it", field="id") from error

    async def _create(self, value: Any, caller: Caller) -> web.Response:
        if isinstance(value, list):
            jobs = [self._job(one, caller, f"[{index}]") for index, one in enumerate(_few(value))]
            answers = await self._enqueue(jobs)
            _audit.info("enqueued", actor=caller.name, jobs=len(answers))
            return json_answer({"ids": [answer.id for answer in answers]}, 201)
        answer = await self._services.commit.enqueue(self._job(value, caller))
        if answer.duplicate:
            return json_answer({"id": answer.id, "duplicate": True})
        _audit.info("enqueued", actor=caller.name, job=answer.id)
        # The id may be the caller's own text, which a header cannot hold as it is.
        return json_answer({"id": answer.id}, 201, {"Location": f"/api/queue/{quote(answer.id, safe='')}"})

    async def show(self, request: web.Request, caller: Caller) -> web.Response:
        """Show a job, whole, with its attempts."""
        record = await self._record(identifier(request))
        histories = await self._services.records.history_of(record["id"])
        return json_answer({**job_view(record, caller), "histories": [history_view(row, caller) for row in histories]})

    async def retry(self, request: web.Request, caller: Caller) -> web.Response:
        """Queue a failed or cancelled job again.

        As if it were new, its attempts counted from zero; 409 in any other state.
        """
        job_id = identifier(request)
        if not await self._services.records.retry(job_id, actor=caller.name):
            record = await self._record(job_id)
            raise HttpFault(409, "conflict", f"{unretried(record)}; this one is {record['status']}")
        _audit.info("retried", actor=caller.name, job=job_id)
        return json_answer({"id": job_id, "status": Status.QUEUED.word})

    async def cancel(self, request: web.Request, caller: Caller) -> web.Response:
        """Cancel a job.

        200 for a job that waited, 202 for one that runs and was asked to stop; 409 for one that has ended.
        """
        job_id = identifier(request)
        reason = f"cancelled by {caller.name}"
        status = await self._services.cancel(job_id, reason=reason, actor=caller.name)
        if status is None:
            record = await self._record(job_id)
            raise HttpFault(409, "conflict", f"the job has ended: it is {record['status']}")
        _audit.info("cancelled", actor=caller.name, job=job_id, status=status.word)
        return json_answer({"id": job_id, "status": status.word}, 200 if status.final else 202)

    async def _record(self, job_id: str) -> dict[str, Any]:
        record = await self._services.records.job(job_id)
        if record is None:
            raise no_job(job_id)
        return record

    async def _enqueue(self, jobs: list[NewJob]) -> list[Enqueued]:
        """All in one transaction."""
        if not jobs:
            return []
        for _ in range(_RERUNS):
            try:
                answers = await self._services.store.enqueue(jobs)
                break
            except TransactionConflict:
                continue
        else:
            answers = await self._services.store.enqueue(jobs)
        self._services.arrived(Arrival.of(jobs))
        return answers

    def _job(self, value: Any, caller: Caller, place: str = "") -> NewJob:
        try:
            asked = convert(value, JobRequest)
            if asked.metadata and "with" in asked.metadata and caller.role < Role.ADMIN:
                # It holds a route's settings, such as the statement of sql.execute: what only the file says.
                raise HttpFault(403, "forbidden", "only an admin may set metadata.with", field="metadata.with")
            payload, contenttype, encoding = encoded(asked.payload)
            if asked.uniquekey is not None and asked.dedupekey is not None:
                raise invalid("uniquekey", "a job has either a dedupe key or a unique one")
            kind = NewJob if asked.uniquekey is None else partial(BoundJob, uniquekey=asked.uniquekey)
            return kind(
                id=asked.id or self._services.clock.new_id(),
                handler=asked.handler,
                payload=payload,
                contenttype=contenttype,
                payloadencoding=encoding,
                queue=asked.queue,
                priority=asked.priority,
                maxretries=asked.maxretries,
                scheduledat=due(asked.scheduledat, "scheduledat"),
                orderingkey=asked.orderingkey,
                dedupekey=asked.dedupekey,
                parentjobid=asked.parentjobid,
                timeout=asked.timeout,
                metadata=None if asked.metadata is None else metadata_json(asked.metadata),
                createdby=caller.name,
            )
        except HttpFault as fault:
            if place:
                fault.field = f"{place}.{fault.field}" if fault.field else place
            raise


def _few(values: list[Any]) -> list[Any]:
    if len(values) > MOST:
        raise invalid("[]", f"at most {MOST} jobs at once, not {len(values)}")
    return values

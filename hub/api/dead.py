"""`/api/dead`: failed and quarantined jobs, and their second chance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from hub.adapters.http.answers import json_answer
from hub.api.access import Caller, Role
from hub.api.endpoint import Body, Endpoint
from hub.api.fields import Key, QueueName, Zoned
from hub.api.parameters import FAILURE, HANDLER, PAGE, QUEUE, names
from hub.api.payloads import convert, in_utc, read_json
from hub.api.query import Query, invalid
from hub.api.services import ApiServices
from hub.api.shapes import JobPage, Redriven
from hub.api.views import job_view
from hub.model import Failure
from hub.queue.records import DeadFilter
from hub.telemetry import get_logger

_audit = get_logger("hub.audit")

_WORDS = tuple(str(failure) for failure in Failure)
_TAG = "dead letters"
_QUERY = (HANDLER, QUEUE, FAILURE, *PAGE)
_EXAMPLE = {"filter": {"handler": "order.processing", "failure": "exhausted"}}


class FilterRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything given must fit; an empty filter means every dead letter."""

    handler: Key | None = None
    queue: QueueName | None = None
    failure: str | None = None
    since: Zoned | None = None


class RedriveRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Either of the two: ids, or a filter."""

    ids: Annotated[list[Key], Meta(max_length=10_000)] | None = None
    filter: FilterRequest | None = None


class Dead:
    def __init__(self, services: ApiServices) -> None:
        self._services = services

    def endpoints(self) -> Iterator[Endpoint]:
        yield Endpoint("GET", "/api/dead", Role.VIEWER, self.page, tag=_TAG, query=_QUERY, answers={200: JobPage})
        yield Endpoint(
            *("POST", "/api/dead/redrive", Role.OPERATOR, self.redrive),
            tag=_TAG,
            body=Body(RedriveRequest, example=_EXAMPLE),
            answers={200: Redriven},
        )

    async def page(self, request: web.Request, caller: Caller) -> web.Response:
        """List dead letters, the last arrived first.

        Failed jobs, and messages that were quarantined because no route could take them. `since` is when they failed.
        """
        query = Query(request, names(_QUERY))
        where = DeadFilter(
            handler=query.text("handler"),
            queue=query.text("queue"),
            failure=_known(query.text("failure")),
            since=query.instant("since"),
        )
        page, following = await self._services.records.dead(where, cursor=query.cursor(), limit=query.limit())
        return json_answer({"data": [job_view(record, caller) for record in page], "next": following})

    async def redrive(self, request: web.Request, caller: Caller) -> web.Response:
        """Queue dead letters again, by their ids or by a filter.

        Answers how many. An id that is no failed or cancelled job is passed over.
        """
        asked = convert(await read_json(request, self._services.configuration.http), RedriveRequest)
        if (asked.ids is None) == (asked.filter is None):
            raise invalid("ids", "give either ids or a filter")
        where = None
        if asked.filter is not None:
            where = DeadFilter(
                handler=asked.filter.handler,
                queue=asked.filter.queue,
                failure=_known(asked.filter.failure, "filter.failure"),
                since=in_utc(asked.filter.since, "filter.since"),
            )
        redriven = await self._services.records.redrive(asked.ids, where, actor=caller.name)
        _audit.info("redriven", actor=caller.name, jobs=redriven)
        return json_answer({"redriven": redriven})


def _known(failure: str | None, field: str = "failure") -> str | None:
    if failure is not None and failure not in _WORDS:
        raise invalid(field, f"one of {', '.join(_WORDS)}")
    return failure

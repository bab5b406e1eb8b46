"""`/api/templates`: jobs prepared under a name in configuration.json, seen and started.

Invariant: what is started is what the file in force says at that moment, with the request's payload over it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypedDict

import msgspec
from aiohttp import web

from hub.adapters.http.answers import HttpFault, json_answer
from hub.api.access import Caller, Role
from hub.api.endpoint import Body, Endpoint
from hub.api.payloads import read_json
from hub.api.services import ApiServices
from hub.api.shapes import Enqueued
from hub.config.templates import prepared
from hub.errors import PayloadInvalid, Permanent
from hub.telemetry import get_logger

_audit = get_logger("hub.audit")

_TAG = "templates"


class TemplateRow(TypedDict):
    """A template; `payload` is what a start's payload is merged over, None for viewers."""

    name: str
    description: str | None
    handler: str
    queue: str | None
    priority: int
    max_retries: int | None
    timeout: float | None
    payload: Any


class TemplateList(TypedDict):
    data: list[TemplateRow]


class Templates:
    def __init__(self, services: ApiServices) -> None:
        self._services = services

    def endpoints(self) -> Iterator[Endpoint]:
        yield Endpoint("GET", "/api/templates", Role.VIEWER, self.page, tag=_TAG, answers={200: TemplateList})
        yield Endpoint(
            *("POST", "/api/templates/{name}", Role.OPERATOR, self.start),
            tag=_TAG,
            body=Body(Any, required=False, example={"day": "2026-01-31"}),
            answers={201: Enqueued},
            refusals=(404,),
        )

    async def page(self, request: web.Request, caller: Caller) -> web.Response:
        """List the templates of the configuration."""
        plans = self._services.configuration.templates
        return json_answer(
            {
                "data": [
                    {
                        "name": name,
                        "description": plan.description,
                        "handler": plan.handler,
                        "queue": plan.queue,
                        "priority": plan.priority,
                        "max_retries": plan.max_retries,
                        "timeout": plan.timeout,
                        "payload": plan.payload if caller.role > Role.VIEWER else None,
                    }
                    for name, plan in plans.items()
                ]
            }
        )

    async def start(self, request: web.Request, caller: Caller) -> web.Response:
        """Enqueue a job by its template.

        The body is the payload: an object is merged into the template's, anything else takes its place, and none leaves
        it as it is. 201 `{id}`.
        """
        services = self._services
        name = request.match_info["name"]
        payload = await read_json(request, services.configuration.http) if request.can_read_body else None
        await services.intake.admit(request.content_length or 0)
        try:
            row = prepared(services.configuration, name, services.clock.new_id(), payload)
        except PayloadInvalid as error:
            raise HttpFault(422, error.code, str(error), field="payload") from error
        except Permanent as error:
            raise HttpFault(422, "invalid", str(error)) from error
        answer = await services.commit.enqueue(msgspec.structs.replace(row, createdby=caller.name))
        _audit.info("enqueued", actor=caller.name, job=answer.id, template=name)
        return json_answer({"id": answer.id}, 201, {"Location": f"/api/queue/{answer.id}"})

"""`GET /api/adapters` and `POST /api/publish/{adapter}`: what is connected, and what goes out through it.

Invariant: what leaves is a row like any other; the answer is given once it is committed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from hub.adapters.http.answers import HttpFault, json_answer
from hub.api.access import Caller, Role
from hub.api.endpoint import Body, Endpoint
from hub.api.fields import Key
from hub.api.payloads import convert, read_json
from hub.api.services import ApiServices
from hub.api.shapes import JobAccepted
from hub.api.shapes_of_hub import AdapterList
from hub.config.outlets import protocol_of
from hub.errors import PayloadInvalid, Permanent
from hub.handlers.outgoing import Options, publication
from hub.telemetry import get_logger

_audit = get_logger("hub.audit")

_TAG = "adapters"
_EXAMPLE = {"topic": "orders.accepted", "payload": {"id": 7}, "key": "7"}

Topic = Annotated[str, Meta(min_length=1, max_length=65_535)]


class PublishRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`payload`: a text is sent as it stands, any other value as JSON. Messages of one `key` leave in order."""

    topic: Topic
    payload: Any = None
    key: Key | None = None
    headers: dict[str, str] | None = None


class Adapters:
    def __init__(self, services: ApiServices) -> None:
        self._services = services

    def endpoints(self) -> Iterator[Endpoint]:
        yield Endpoint(*("GET", "/api/adapters", Role.VIEWER, self.adapters), tag=_TAG, answers={200: AdapterList})
        yield Endpoint(
            *("POST", "/api/publish/{adapter}", Role.OPERATOR, self.publish),
            tag=_TAG,
            body=Body(PublishRequest, example=_EXAMPLE),
            answers={202: JobAccepted},
        )

    async def adapters(self, request: web.Request, caller: Caller) -> web.Response:
        """List the adapters and their state.

        As this instance sees it; counts since it started.
        """
        return json_answer({"data": self._services.adapters()})

    async def publish(self, request: web.Request, caller: Caller) -> web.Response:
        """Publish a message through an adapter, or to a destination.

        202 `{job_id}`: the message is durable, and leaves when its turn comes.
        """
        services = self._services
        name = request.match_info["adapter"]
        protocol = protocol_of(services.configuration, name)
        asked = convert(await read_json(request, services.configuration.http), PublishRequest)
        await services.intake.admit(request.content_length or 0)
        options: Options = {} if asked.key is None else {"key": asked.key}
        try:
            row = publication(
                *(None, services.clock.new_id(), name, asked.topic, asked.payload, asked.headers, options), protocol
            )
        except PayloadInvalid as error:
            raise HttpFault(422, error.code, str(error), field="payload") from error
        except Permanent as error:
            raise HttpFault(422, "invalid", str(error), field=str(error).partition(":")[0]) from error
        answer = await services.commit.enqueue(msgspec.structs.replace(row, createdby=caller.name))
        _audit.info("published", actor=caller.name, job=answer.id, adapter=name)
        return json_answer({"job_id": answer.id}, 202, {"Location": f"/api/queue/{answer.id}"})

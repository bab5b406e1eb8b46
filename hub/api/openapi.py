"""The OpenAPI 3.1 document of a hub, made from its table of addresses and its configuration.

Invariant: nothing is written twice. Texts are the handlers' docstrings, schemas come from the types that bodies are
decoded to, roles from the table; tests hold the answers of a running hub against the document.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NotRequired, TypedDict

from hub.adapters.http.answers import JSON_TYPE, PROBLEM_TYPE
from hub.api.access import Role
from hub.api.endpoint import Body, Endpoint, Parameter, Text
from hub.api.openapi_schemas import Schemas
from hub.api.openapi_webhooks import GENERIC, security_schemes, webhook_paths
from hub.config import Configuration, masked
from hub.version import version

VERSION: Final = "3.1.0"
BEARER: Final = "bearer"

_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_OF_ALL: Final = (400, 401, 403, 429, 503)
_OF_BODIES: Final = (408, 413, 415, 422)
_TAGS: Final = {
    "queue": "Jobs of the queue, their attempts, and figures about them.",
    "dead letters": "Jobs that failed for good, and their second chance.",
    "jobs": "Scheduled and interval jobs.",
    "resource jobs": "Jobs by resource type.",
    "templates": "Jobs prepared under a name.",
    "workflows": "Executions of workflows.",
    "adapters": "What is connected, and what goes out through it.",
    "webhooks": "The way in by HTTP.",
    "hub": "What the hub says about itself.",
}


class Problem(TypedDict):
    """An error by RFC 9457. `code` is stable; `field` names what is at fault in the request."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    field: NotRequired[str]
    reasons: NotRequired[list[str]]


def openapi(endpoints: Iterable[Endpoint], configuration: Configuration) -> dict[str, Any]:
    """The document, as JSON values."""
    table = list(endpoints)
    schemas = Schemas([Problem, *_types(table)])
    enforced = configuration.auth.enforced
    shown = masked(configuration)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in table:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas, enforced)
    if GENERIC in paths:
        paths.update(webhook_paths(shown, paths[GENERIC]["post"], schemas))
    used = {operation["tags"][0] for path in paths.values() for operation in path.values()}
    return {
        "openapi": VERSION,
        "info": {
            "title": "hub",
            "version": version(),
            "summary": "Every message becomes one durable row, every row one committed effect.",
            "description": "Errors are application/problem+json with a stable `code`. Times are RFC 3339 in UTC, ids "
            "opaque text. Lists are pages: `next` is the `cursor` of the page after, null on the last one.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            *({"name": name, "description": text} for name, text in _TAGS.items() if name in used),
            *({"name": name} for name in sorted(used - set(_TAGS))),
        ],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": {"Problem": _problem(schemas)},
            "securitySchemes": {
                BEARER: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of the configuration or of `hub token create`. Roles: viewer, operator, "
                    "admin; each may do what those before it may.",
                },
                **security_schemes(shown),
            },
        },
    }


def _types(table: Sequence[Endpoint]) -> list[Any]:
    found = []
    for endpoint in table:
        found += [parameter.type for parameter in endpoint.query]
        found += [each for each in endpoint.answers.values() if not isinstance(each, Text)]
        if endpoint.body is not None:
            found.append(endpoint.body.type)
    return found


def _operation(endpoint: Endpoint, schemas: Schemas, enforced: bool) -> dict[str, Any]:
    summary, description = _told(endpoint)
    operation: dict[str, Any] = {
        "operationId": _operation_id(endpoint.method, endpoint.path),
        "tags": [endpoint.tag or endpoint.path.strip("/").partition("/")[0]],
        "summary": summary,
    }
    if description:
        operation["description"] = description
    parameters = [_in_path(name) for name in _PLACEHOLDER.findall(endpoint.path)]
    parameters += [_in_query(parameter, schemas) for parameter in endpoint.query]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        operation["requestBody"] = _body(endpoint.body, schemas)
    operation["responses"] = _responses(endpoint, schemas)
    operation["security"] = _security(endpoint.role, enforced)
    operation["x-role"] = endpoint.role.name.lower()
    return operation


def _told(endpoint: Endpoint) -> tuple[str, str]:
    """The first line of the handler's docstring, and the rest of it."""
    text = inspect.getdoc(endpoint.handle) or f"{endpoint.method} {endpoint.path}"
    first, _, rest = text.partition("\n\n")
    return " ".join(first.split()).rstrip("."), "\n\n".join(" ".join(part.split()) for part in rest.split("\n\n"))


def _operation_id(method: str, path: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", path)
    return method.lower() + "".join(word[:1].upper() + word[1:] for word in words)


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _in_query(parameter: Parameter, schemas: Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {"name": parameter.name, "in": "query", "schema": schemas.of(parameter.type)}
    if parameter.description:
        found["description"] = parameter.description
    return found


def _body(body: Body, schemas: Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schemas.of(body.type)}
    if body.example is not None:
        content["example"] = body.example
    return {"required": body.required, "content": {JSON_TYPE: content}}


def _responses(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    found: dict[int, Any] = {
        status: {"description": _phrase(status), "content": _content(answer, schemas)}
        for status, answer in (endpoint.answers or {200: Any}).items()
    }
    refused = {*_OF_ALL, *endpoint.refusals}
    if endpoint.query:
        refused.add(422)
    if endpoint.body is not None:
        refused.update(_OF_BODIES)
    if _PLACEHOLDER.search(endpoint.path):
        refused.add(404)
    for status in refused - set(found):
        found[status] = {"$ref": "#/components/responses/Problem"}
    return {str(status): found[status] for status in sorted(found)}


def _content(answer: Any, schemas: Schemas) -> dict[str, Any]:
    if answer is None:
        return {}
    if isinstance(answer, Text):
        return {answer.media: {"schema": {"type": "string"}}}
    return {JSON_TYPE: {"schema": schemas.of(answer)}}


def _problem(schemas: Schemas) -> dict[str, Any]:
    return {
        "description": "What is wrong, with a stable `code`.",
        "headers": {
            "Retry-After": {
                "description": "Seconds after which to come again; with 429 and 503.",
                "schema": {"type": "integer", "minimum": 1},
            }
        },
        "content": {PROBLEM_TYPE: {"schema": schemas.of(Problem)}},
    }


def _security(role: Role, enforced: bool) -> list[Mapping[str, list[str]]]:
    """A role beside a scheme that has no scopes is allowed since 3.1."""
    if role is Role.ANYONE:
        return [{}, {BEARER: []}]
    needed = {BEARER: [role.name.lower()]}
    return [needed] if enforced else [{}, needed]


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase

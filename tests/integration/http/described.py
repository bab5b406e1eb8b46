"""A hub's answers held against its own OpenAPI document."""

import copy
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import aiohttp
from jsonschema import Draft202012Validator, FormatChecker

OPEN_SHAPES = {"RouteRow", "JobSchedule"}
"""Rows of the configuration: what is described of them is not all there is."""

formats = FormatChecker(formats=())


@formats.checks("date-time", raises=ValueError)
def is_instant(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def strict(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document, with no member allowed that it does not describe."""
    found = copy.deepcopy(dict(document))
    for name, schema in found["components"]["schemas"].items():
        if "properties" in schema and name not in OPEN_SHAPES and not name.startswith("route."):
            schema.setdefault("additionalProperties", False)
    return found


class Described:
    """A client that believes nothing: every answer must be one that the document promises.

    `seen` are the (method, path template, status) met so far; `then` is told each of them.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.document: dict[str, Any] = {}
        self.seen: set[tuple[str, str, int]] = set()
        self.then: Callable[[str, str, int], None] = lambda method, template, status: None

    async def __aenter__(self) -> Self:
        self.session = aiohttp.ClientSession(self.url, headers=self.headers)
        async with self.session.get("/openapi.json") as answer:
            assert answer.status == 200, await answer.text()
            self.document = strict(await answer.json())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    async def call(self, method: str, path: str, status: int, **more: Any) -> Any:
        """The answer's value, once it is shown to be one that the document describes."""
        async with self.session.request(method, path, **more) as answer:
            body = await answer.read()
            assert answer.status == status, (method, path, body)
            self.check(method, path.partition("?")[0], status, answer.content_type, body)
            return _json(body) if answer.content_type.endswith("json") else body.decode()

    def check(self, method: str, path: str, status: int, media: str, body: bytes) -> None:
        template = self.template(path)
        operation = self.document["paths"][template][method.lower()]
        assert str(status) in operation["responses"], (method, template, status, body)
        response = operation["responses"][str(status)]
        if "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        assert media in response["content"] or not (response["content"] or body), (method, template, status, media)
        if body and media.endswith("json"):
            schema = response["content"][media]["schema"]
            fault = next(self.validator(schema).iter_errors(_json(body)), None)
            assert fault is None, (method, template, status, fault.json_path, fault.message)
        self.seen.add((method, template, status))
        self.then(method, template, status)

    def template(self, path: str) -> str:
        """The path of the document that an address belongs to: the one without placeholders goes first."""
        paths = sorted(self.document["paths"], key=lambda one: one.count("{"))
        return next(one for one in paths if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one), path))

    def validator(self, schema: Mapping[str, Any]) -> Draft202012Validator:
        root = {**schema, "components": self.document["components"]}
        return Draft202012Validator(root, format_checker=formats)

    def promised(self) -> set[tuple[str, str, int]]:
        """Every good answer of the document."""
        return {
            (method.upper(), path, int(status))
            for path, item in self.document["paths"].items()
            for method, operation in item.items()
            for status in operation["responses"]
            if status < "400"
        }


def _json(body: bytes) -> Any:
    return json.loads(body)

"""`/openapi.json`, `/asyncapi.json`, and `/docs`: the page that shows them and tries them out; `/` leads to it.

Invariant: the page is three files of the package and nothing else; it loads nothing from anywhere, and its policy
forbids it to. It holds no data: what it shows it asks for with the reader's own token, which it keeps in memory only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from aiohttp import web

from hub.adapters.http.answers import json_answer
from hub.api.access import Caller, Role
from hub.api.asyncapi import asyncapi
from hub.api.endpoint import Endpoint
from hub.api.openapi import openapi
from hub.api.pages import HEADERS, page_endpoints
from hub.api.services import ApiServices
from hub.config import Configuration

HOME: Final = "/"
FILES: Final = {
    "/docs": ("docs.html", "text/html"),
    "/docs/docs.css": ("docs.css", "text/css"),
    "/docs/docs.js": ("docs.js", "text/javascript"),
    "/docs/elements.js": ("elements.js", "text/javascript"),
    "/docs/schema.js": ("schema.js", "text/javascript"),
    "/docs/send.js": ("send.js", "text/javascript"),
}
_TAG: Final = "hub"

Describe = Callable[[Configuration], dict[str, Any]]


class Docs:
    """`table` is looked at when a document is asked for: it may still grow, and these addresses are in it too."""

    def __init__(self, services: ApiServices, table: Sequence[Endpoint]) -> None:
        self._services = services
        self._openapi = _Kept(partial(openapi, table))
        self._asyncapi = _Kept(asyncapi)

    def endpoints(self) -> Iterator[Endpoint]:
        document = {200: dict[str, Any]}
        yield Endpoint("GET", "/openapi.json", Role.VIEWER, self.openapi, tag=_TAG, answers=document)
        yield Endpoint("GET", "/asyncapi.json", Role.VIEWER, self.asyncapi, tag=_TAG, answers=document)
        yield Endpoint("GET", HOME, Role.ANYONE, _home, tag=_TAG, answers={302: None})
        yield from page_endpoints("hub.api", FILES, "the interactive documentation", _TAG)

    async def openapi(self, request: web.Request, caller: Caller) -> web.Response:
        """Describe the API, by OpenAPI 3.1."""
        return json_answer(self._openapi.of(self._services.configuration))

    async def asyncapi(self, request: web.Request, caller: Caller) -> web.Response:
        """Describe the messages of the routes, by AsyncAPI 3.0."""
        return json_answer(self._asyncapi.of(self._services.configuration))


class _Kept:
    """A document, made again when an edit of the file has replaced the configuration."""

    def __init__(self, describe: Describe) -> None:
        self._describe = describe
        self._for: Configuration | None = None
        self._document: dict[str, Any] = {}

    def of(self, configuration: Configuration) -> dict[str, Any]:
        if self._for is not configuration:
            self._document, self._for = self._describe(configuration), configuration
        return self._document


async def _home(request: web.Request, caller: Caller) -> web.Response:
    """Lead to the interactive documentation."""
    return web.Response(status=302, headers={**HEADERS, "Location": "/docs"})

"""What the hub says about itself: alive, ready, measured, configured.

Invariant: /health and /ready answer anybody within a few seconds, whatever the database does; details are for callers
with a role. No secret is shown: the configuration is masked where it is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from typing import Any, TypeVar

from aiohttp import web

from hub.adapters.http.answers import HttpFault, json_answer, problem, retry_after
from hub.api.access import Caller, Role
from hub.api.endpoint import Endpoint, Text
from hub.api.services import ApiServices
from hub.api.shapes_of_hub import Health, Ready, RouteList
from hub.config import masked

_TAG = "hub"
_PATIENCE = 3.0
_LATE = "the hub did not answer in time"

T = TypeVar("T")


class About:
    """/health, /ready, /metrics, /api/configuration, /api/routes."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services

    def endpoints(self) -> Iterator[Endpoint]:
        yield Endpoint("GET", "/health", Role.ANYONE, self.health, tag=_TAG, answers={200: Health})
        yield Endpoint("GET", "/api/health", Role.ANYONE, self.health, tag=_TAG, answers={200: Health})
        yield Endpoint("GET", "/ready", Role.ANYONE, self.ready, tag=_TAG, answers={200: Ready})
        yield Endpoint(
            *("GET", "/metrics", Role.VIEWER, self.metrics), tag=_TAG, answers={200: Text()}, refusals=(404,)
        )
        yield Endpoint(
            *("GET", "/api/configuration", Role.VIEWER, self.configuration), tag=_TAG, answers={200: dict[str, Any]}
        )
        yield Endpoint("GET", "/api/routes", Role.VIEWER, self.routes, tag=_TAG, answers={200: RouteList})

    async def health(self, request: web.Request, caller: Caller) -> web.Response:
        """Say whether the process lives.

        200 as long as it does; `status` says whether all of it does. Details are for callers with a role.
        """
        found = await _in_time(self._services.health(), {"status": "degraded", "reason": _LATE})
        if caller.role < Role.VIEWER:
            found = {"status": found.get("status", "ok")}
        return json_answer(found)

    async def ready(self, request: web.Request, caller: Caller) -> web.Response:
        """Say whether work can be taken.

        200 when it can, else 503 with the reasons.
        """
        reasons = await _in_time(self._services.ready(), [_LATE])
        if not reasons:
            return json_answer({"status": "ready"})
        shown = caller.role >= Role.VIEWER
        return problem(
            503,
            "not-ready",
            "; ".join(reasons) if shown else "no work can be taken now",
            headers=retry_after(5.0),
            more={"reasons": reasons} if shown else None,
        )

    async def metrics(self, request: web.Request, caller: Caller) -> web.Response:
        """Show the metrics, as Prometheus reads them.

        404 unless jobs.enable_metrics.
        """
        if not self._services.telemetry.enabled:
            raise HttpFault(404, "metrics-disabled", "metrics are off: jobs.enable_metrics is false")
        text, content_type = self._services.telemetry.render()
        return web.Response(body=text, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    async def configuration(self, request: web.Request, caller: Caller) -> web.Response:
        """Show the configuration that is in force, secrets masked.

        With every default; `$reload` tells of the last edit of the file, if there was one.
        """
        shown = masked(self._services.configuration)
        reload = self._services.reloaded()
        return json_answer(shown if reload is None else {**shown, "$reload": reload})

    async def routes(self, request: web.Request, caller: Caller) -> web.Response:
        """List the routes in the order in which they are tried.

        Each with the type of its adapter, and the address that its webhook is posted to.
        """
        shown = masked(self._services.configuration)
        kinds = {name: adapter.get("type") for name, adapter in shown["adapters"].items()}
        data: list[dict[str, Any]] = []
        for route in shown["routes"]:
            kind = kinds.get(route["from"])
            address = f"/webhooks/{route['name']}" if kind == "http" else None
            data.append({**route, "adapter_type": kind, "webhook": address})
        return json_answer({"data": data})


async def _in_time(asked: Awaitable[T], otherwise: T) -> T:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await asked
    except TimeoutError:
        return otherwise

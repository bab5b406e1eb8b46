"""What a hub shows to the outside, put together from its parts: its adapters, the ways in and out, its HTTP port.

Invariant: what a configuration asks for and the hub cannot do is said at start, never ignored in silence.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import Any, Protocol

from hub.adapters.factory import make_adapter
from hub.adapters.http.answers import HttpFault
from hub.api.access import Role
from hub.api.application import build_application, make_gate
from hub.api.server import HttpServer, ServerSettings
from hub.api.services import ApiServices
from hub.clock import Clock
from hub.config import Configuration
from hub.config.revealed import revealed
from hub.db.tokens import TokenStore
from hub.errors import Rejected
from hub.handlers.outlet import Outlet
from hub.handlers.registry import Registry
from hub.ingest.cursors import Cursors
from hub.ingest.intake import Intake
from hub.ingest.pressure import Pressure, PressureLimits
from hub.ingest.route import RouteTable
from hub.ingest.supervisor import Supervisor, sends
from hub.ports import Adapter, Backplane, Context, Database, Follow, Identity
from hub.queue.engine import Engine
from hub.queue.records import Records
from hub.scheduler.control import Control
from hub.scheduler.records import JobRecords
from hub.telemetry import Metrics
from hub.workflows.control import Workflows

_PORT = "http"
"""The type of adapters that are the hub's own port."""


class Served(Protocol):
    """The parts of a hub that its port stands on."""

    configuration: Configuration
    roles: Collection[str]
    clock: Clock
    metrics: Metrics
    database: Database
    registry: Registry
    engine: Engine
    records: Records
    workflows: Workflows
    supervisor: Supervisor

    async def health(self) -> dict[str, Any]: ...

    async def unready(self) -> list[str]: ...

    def schedules_changed(self) -> None: ...


def make_adapters(
    configuration: Configuration,
    database: Database,
    clock: Clock,
    instance: str,
    *,
    backplane: Backplane | None = None,
    follow: Follow | None = None,
    only: Collection[str] | None = None,
) -> dict[str, Adapter]:
    """The enabled adapters by name (of these names), connected to nothing yet. Raises Rejected."""
    cursors = Cursors(database)
    identify = _identifier(configuration, database, clock)
    cache = configuration.cache
    url = cache.url.get_secret_value() if cache is not None and cache.adapter == "redis" and cache.url else None
    made = {}
    for name, kind in adapter_kinds(configuration).items():
        if only is not None and name not in only:
            continue
        context = Context(
            clock=clock,
            instance=instance,
            positions=partial(cursors.positions, name),
            identify=identify,
            origins=tuple(configuration.http.allowed_origins),
            cache_url=url,
            backplane=backplane,
            follow=follow,
        )
        made[name] = make_adapter(name, kind, revealed(configuration.adapters[name]), context)
    return made


def adapter_kinds(configuration: Configuration) -> dict[str, str]:
    """The types of the enabled adapters by name, without the hub's own port."""
    return {
        name: adapter.type
        for name, adapter in configuration.adapters.items()
        if adapter.enabled and adapter.type != _PORT
    }


def doors(configuration: Configuration) -> list[str]:
    """The names of the enabled adapters that are the hub's own port."""
    return [name for name, adapter in configuration.adapters.items() if adapter.enabled and adapter.type == _PORT]


def make_outlets(adapters: Mapping[str, Adapter], supervisor: Supervisor, clock: Clock) -> dict[str, Outlet]:
    """The ways out by name: every adapter that sends, behind a circuit of its own."""
    outlets = {}
    for name, adapter in adapters.items():
        if sends(adapter):
            state = supervisor.states[name]
            outlets[name] = Outlet(adapter, clock, state.can_send)
            state.published = outlets[name].receipts
            outlets[name].on_rest = state.rests
    return outlets


def _identifier(
    configuration: Configuration, database: Database, clock: Clock
) -> Callable[[str | None], Awaitable[Identity | None]]:
    """Who has a bearer token, found as the API finds it: a token means the same everywhere."""
    gate = make_gate(configuration.auth, TokenStore(database), clock)

    async def identify(token: str | None) -> Identity | None:
        try:
            caller = await gate.caller(None if token is None else f"Bearer {token}")
        except HttpFault:
            return None
        return None if caller.role is Role.ANYONE else Identity(caller.name, caller.role.name.lower())

    return identify


def compile_routes(configuration: Configuration, registry: Registry) -> RouteTable:
    """The routes, ready for messages. Raises Rejected for one that cannot be."""
    kinds = {name: adapter.type for name, adapter in configuration.adapters.items() if adapter.enabled}
    try:
        return RouteTable.compile(configuration.routes, kinds, registry.queues())
    except ValueError as error:
        raise Rejected(str(error), field="routes") from error


def open_intake(hub: Served) -> Intake:
    """The way in, for every adapter of the hub."""
    http = hub.configuration.http
    table = compile_routes(hub.configuration, hub.registry)
    limits = PressureLimits(high_water=http.high_water)
    pressure = Pressure(hub.engine.commit, lambda: hub.records.depth(http.high_water + 1), hub.clock, limits)
    return Intake(
        table, pressure, hub.clock, max_depth=http.max_depth, max_payload=http.max_payload, metrics=hub.metrics
    )


def open_services(hub: Served, intake: Intake) -> ApiServices:
    """What the API of a hub stands on."""
    return ApiServices(
        configuration=hub.configuration,
        intake=intake,
        records=hub.records,
        store=hub.engine.store,
        commit=hub.engine.commit,
        cancel=hub.engine.cancel,
        arrived=hub.engine.arrived,
        clock=hub.clock,
        telemetry=hub.metrics,
        workflows=hub.workflows,
        health=hub.health,
        ready=hub.unready,
        tokens=TokenStore(hub.database),
        adapters=hub.supervisor.view,
        jobs=JobRecords(hub.database, hub.clock),
        schedules=Control(hub.database, hub.clock),
        schedules_changed=hub.schedules_changed,
    )


def open_http(hub: Served, services: ApiServices) -> HttpServer:
    """The server of a hub's port, not started yet."""
    configuration = hub.configuration
    http = configuration.http
    app = build_application(services, webhooks="adapters" in hub.roles, api="api" in hub.roles)
    if "adapters" in hub.roles:
        hub.supervisor.mount(app)
    settings = ServerSettings(
        max_connections=http.max_connections,
        request_timeout=http.request_timeout,
        authenticated=configuration.auth.enforced,
    )
    return HttpServer(http.host, http.port, app, settings)

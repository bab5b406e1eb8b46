"""The HTTP port of a hub: intake and API put together from its parts, and what this version does not serve yet.

Invariant: what a configuration asks for and the hub cannot do is said at start, never ignored in silence.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from hub.adapters.memory import MemoryAdapter
from hub.api.application import build_application
from hub.api.server import HttpServer, ServerSettings
from hub.api.services import ApiServices
from hub.clock import Clock
from hub.config import Configuration
from hub.db.tokens import TokenStore
from hub.errors import Rejected
from hub.handlers.registry import Registry
from hub.ingest.intake import Intake
from hub.ingest.pressure import Pressure, PressureLimits
from hub.ingest.route import RouteTable
from hub.ports import Database
from hub.queue.engine import Engine
from hub.queue.records import Records
from hub.telemetry import Metrics, get_logger

_log = get_logger("hub")

_ADAPTERS = {"memory": MemoryAdapter}
_BUILT_ADAPTERS = frozenset({"http", *_ADAPTERS})
"""Types of adapters that this version has; `http` is the hub's own port."""


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

    async def health(self) -> dict[str, Any]: ...

    async def unready(self) -> list[str]: ...


def make_adapters(configuration: Configuration) -> dict[str, MemoryAdapter]:
    """The enabled adapters that send and receive by themselves, by name, not started yet."""
    return {
        name: _ADAPTERS[adapter.type](name)
        for name, adapter in configuration.adapters.items()
        if adapter.enabled and adapter.type in _ADAPTERS
    }


def open_intake(hub: Served) -> Intake:
    """The way in, for every adapter of the hub."""
    configuration = hub.configuration
    http = configuration.http
    table = RouteTable.compile(
        configuration.routes,
        {name: adapter.type for name, adapter in configuration.adapters.items() if adapter.enabled},
        hub.registry.queues(),
    )
    limits = PressureLimits(high_water=http.high_water)
    pressure = Pressure(hub.engine.commit, lambda: hub.records.depth(http.high_water + 1), hub.clock, limits)
    return Intake(table, pressure, hub.clock, max_depth=http.max_depth, metrics=hub.metrics)


def open_http(hub: Served, intake: Intake) -> HttpServer:
    """The server of a hub's port, not started yet."""
    configuration = hub.configuration
    http = configuration.http
    services = ApiServices(
        configuration=configuration,
        intake=intake,
        records=hub.records,
        store=hub.engine.store,
        commit=hub.engine.commit,
        cancel=hub.engine.cancel,
        woken=hub.engine.woken,
        clock=hub.clock,
        telemetry=hub.metrics,
        health=hub.health,
        ready=hub.unready,
        tokens=TokenStore(hub.database),
    )
    app = build_application(services, webhooks="adapters" in hub.roles, api="api" in hub.roles)
    settings = ServerSettings(
        max_connections=http.max_connections,
        request_timeout=http.request_timeout,
        authenticated=configuration.auth.enforced,
    )
    return HttpServer(http.host, http.port, app, settings)


def refuse_unbuilt(configuration: Configuration) -> None:
    """Raise Rejected for what would not work at all; warn of what is accepted and does nothing in this version."""
    for name, adapter in configuration.adapters.items():
        if adapter.enabled and adapter.type not in _BUILT_ADAPTERS:
            raise Rejected(
                f'adapters of type "{adapter.type}" are not in this version; set "enabled" to false',
                field=f"adapters.{name}.type",
            )
    for what in unbuilt(configuration):
        _log.warning("not in this version", what=what)


def unbuilt(configuration: Configuration) -> list[str]:
    """What the configuration asks for and this version accepts without doing it."""
    asked = {
        "workflows: definitions are kept, not run": bool(configuration.workflows),
        "cache: the hub runs in single-instance mode; the database alone keeps several instances correct": (
            configuration.cache is not None
        ),
        "jobs.processes: one process runs; start more hubs on the same database": configuration.jobs.processes > 1,
    }
    return [what for what, is_asked in asked.items() if is_asked]

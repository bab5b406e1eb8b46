"""What `hub check` looks at: the configuration, the handlers, the names that lead from one to the other, the database.

Invariant: nothing is run and nothing is changed; a part that cannot be looked at, because one before it is broken, is
left out rather than reported wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from hub.app import Hub
from hub.cli.reach import LEASE, Reach, reach_adapters
from hub.cli.session import SETTINGS, actor, configured
from hub.clock import SystemClock
from hub.config import Configuration, ConfigurationError
from hub.config.faults import did_you_mean, path_text
from hub.config.named import named_handlers
from hub.config.sections.adapters import ActiveMq, Mqtt
from hub.config.sections.server import RESERVED_CONNECTIONS
from hub.db import migrator
from hub.db.engine import open_database
from hub.db.statement import load
from hub.db.url import Address, parse
from hub.errors import AddressInvalid, CacheUnavailable, HubError, MigrationError, Rejected
from hub.handlers.mark import HandlersInvalid
from hub.handlers.registry import Registry
from hub.ingest.leases import Leases
from hub.telemetry import configure_logging
from hub.workflows.definition import WorkflowInvalid

_UNKEYED = {
    "mqtt": "MQTT with QoS 1",
    "activemq": "STOMP",
}
"""Protocols that deliver a message again without saying that it is the same one."""


class Finding(msgspec.Struct, frozen=True):
    """A fault or a warning; `part` is configuration, handlers, references, database, adapters or cache."""

    part: str
    path: str
    message: str
    suggestion: str | None = None


class Reached(msgspec.Struct):
    """What the database said. `needed` connections of this configuration, of `connections` (None: no limit)."""

    dialect: str
    address: str
    needed: int
    version: str | None = None
    latency_ms: float | None = None
    connections: int | None = None
    pending: list[str] = []


class CacheReached(msgspec.Struct, frozen=True):
    adapter: str
    reachable: bool


@dataclass
class Report:
    """All that was found."""

    file: str | None = None
    handlers: int | None = None
    references: int = 0
    database: Reached | None = None
    adapters: list[Reach] = field(default_factory=list)
    cache: CacheReached | None = None
    faults: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "ok": not self.faults,
            "configuration": self.file,
            "handlers": self.handlers,
            "database": self.database,
            "adapters": self.adapters,
            "cache": self.cache,
            "faults": self.faults,
            "warnings": self.warnings,
        }


async def examine(file: Path | None, *, connect: bool) -> Report:
    """Look at everything; `connect`: reach the database, the adapters and the cache too."""
    configure_logging("error")  # what importing handlers logs is not asked for
    report = Report(file=str(file) if file else None)
    try:
        configuration = configured(file)
    except ConfigurationError as error:
        report.file = error.source
        report.faults += [Finding("configuration", each.path, each.message, each.suggestion) for each in error.faults]
        return report
    report.file = str(configuration.file) if configuration.file else None
    hub = _hub(configuration, report)
    if hub is not None:
        report.handlers = len(hub.registry)
        _look_up(configuration, hub.registry, report)
    report.warnings += _warnings(configuration)
    if connect:
        await _reach(configuration, report)
        if hub is not None:
            await _reach_adapters(configuration, hub, report)
            await _reach_cache(configuration, hub, report)
    return report


# --- handlers ----------------------------------------------------------------------------------------------------


def _hub(configuration: Configuration, report: Report) -> Hub | None:
    """A hub of this configuration, not started: its handlers and its adapters."""
    try:
        return Hub(configuration)
    except (HandlersInvalid, WorkflowInvalid) as error:
        report.faults += [Finding("handlers", "handlers", fault) for fault in error.faults]
    except HubError as error:
        place = (error.field if isinstance(error, Rejected | AddressInvalid) else None) or "database.url"
        report.faults.append(Finding("configuration", place, str(error)))
    return None


def _look_up(configuration: Configuration, registry: Registry, report: Report) -> None:
    known = [entry.name for entry in registry]
    for path, name in named_handlers(configuration):
        report.references += 1
        if registry.get(name) is None:
            near = did_you_mean(name, known) or 'name its module under "handlers"'
            report.faults.append(Finding("references", path, f"there is no handler {name!r}", near))


def _warnings(configuration: Configuration) -> Iterator[Finding]:
    for index, route in enumerate(configuration.routes):
        adapter = configuration.adapters.get(route.from_)
        protocol = _UNKEYED.get(adapter.type) if adapter is not None else None
        if protocol is not None and route.dedupe_key is None and not route.drop:
            message = f"without a dedupe key, a message that {protocol} delivers twice becomes two jobs"
            yield Finding(
                "references", path_text(("routes", index, "dedupe_key")), message, '"dedupe_key": "payload.id"'
            )
    yield from _same_client(configuration)
    if not configuration.jobs.enabled:
        yield Finding("configuration", "jobs.enabled", "is false: jobs are taken in, none is run")


def _same_client(configuration: Configuration) -> Iterator[Finding]:
    """A broker lets one connection have a client id: of two adapters with the same one, neither stays connected."""
    first: dict[tuple[str, str, str], str] = {}
    for name, adapter in configuration.adapters.items():
        if not adapter.enabled or not isinstance(adapter, Mqtt | ActiveMq) or adapter.client_id is None:
            continue
        if isinstance(adapter, Mqtt) and adapter.share:
            continue  # each has an id of its own, made of this one
        other = first.setdefault((adapter.type, adapter.url.get_secret_value(), adapter.client_id), name)
        if other != name:
            message = f"{adapter.client_id!r} is what adapters.{other} is called at the same broker: only one may be"
            path = path_text(("adapters", name, "client_id"))
            yield Finding("configuration", path, message, "give each its own")


# --- database ----------------------------------------------------------------------------------------------------


async def _reach(configuration: Configuration, report: Report) -> None:
    url = configuration.database.url.get_secret_value()
    try:
        address = parse(url)
        needed = configuration.database.connections * configuration.jobs.processes
        report.database = found = Reached(address.dialect, address.masked, needed)
        report.faults += await _migrations(url, configuration, found)
        if _there(address):
            await _server(url, found)
    except HubError as error:
        hint = "is it running, and may this user connect?"
        report.faults.append(Finding("database", "database.url", str(error), hint))
    else:
        report.faults += _limit(configuration, found)


def _there(address: Address) -> bool:
    """Looking must not make the file."""
    return address.dialect != "sqlite" or Path(address.database).exists()


async def _migrations(url: str, configuration: Configuration, found: Reached) -> list[Finding]:
    states = await migrator.status(url)
    found.pending = [f"{state.version:04d}_{state.name}" for state in states if state.applied_at is None]
    if found.pending and configuration.database.migrate == "auto":
        return []  # the next `hub run` brings them in
    try:
        await migrator.require_current(url)
    except MigrationError as error:
        return [Finding("database", "database.migrate", str(error))]
    return []


async def _server(url: str, found: Reached) -> None:
    clock = SystemClock()
    database = open_database(url, SETTINGS, clock)
    await database.start()
    try:
        statement = load("hub.db", database.dialect, "server")
        await database.read(statement)  # the first one also prepares it
        begun = clock.monotonic()
        row = (await database.read(statement))[0]
        found.latency_ms = round((clock.monotonic() - begun) * 1000, 3)
        found.version, found.connections = row[0], row[1]
    finally:
        await database.stop()


async def _reach_adapters(configuration: Configuration, hub: Hub, report: Report) -> None:
    """Reach each adapter, under its lease where that matters and a database has one."""
    url = configuration.database.url.get_secret_value()
    current = report.database is not None and report.database.version is not None and not report.database.pending
    if current:
        database = open_database(url, SETTINGS)
        await database.start()
        try:
            report.adapters = await reach_adapters(hub.adapters, Leases(database, actor(), LEASE))
        finally:
            await database.stop()
    else:
        report.adapters = await reach_adapters(hub.adapters, None)
    for one in report.adapters:
        if one.reason is not None:
            finding = Finding("adapters", path_text(("adapters", one.adapter)), one.reason)
            (report.warnings if one.skipped else report.faults).append(finding)


async def _reach_cache(configuration: Configuration, hub: Hub, report: Report) -> None:
    """A hub runs without its cache: that it is away is worth a warning."""
    cache = hub.sharing.cache
    if cache is None or configuration.cache is None:
        return
    adapter = configuration.cache.adapter
    try:
        await cache.ping()
        report.cache = CacheReached(adapter, reachable=True)
    except CacheUnavailable as error:
        hint = "without it the hub runs in single-instance mode"
        report.cache = CacheReached(adapter, reachable=False)
        report.warnings.append(Finding("cache", "cache.url", str(error), hint))
    finally:
        await cache.close()


def _limit(configuration: Configuration, found: Reached) -> Iterator[Finding]:
    if found.connections is None or found.needed <= found.connections:
        return
    processes = configuration.jobs.processes
    parts = f"{configuration.database.pool} and {RESERVED_CONNECTIONS} in reserve"
    each = f", in each of {processes} processes" if processes > 1 else ""
    message = f"{found.needed} connections are needed ({parts}{each}), the server gives {found.connections}"
    yield Finding("database", "database.pool", message, "lower it, or raise max_connections of the server")

"""One edit of a running hub: what it takes, found out with nothing done, and then put in force.

Invariant: what `prepare` answers can be followed; the only thing that may still fail is the database, for which the
rest does not wait. `hub.configuration` is what is in force, never what merely stands in the file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from hub.app import Hub
from hub.config import Configuration, ConfigurationError, Fault
from hub.config.diff import Changes, changes, in_force
from hub.config.faults import did_you_mean
from hub.config.named import named_handlers
from hub.config.outlets import outlets
from hub.errors import Transient
from hub.ingest.route import RouteTable
from hub.ingest.supervisor import connects, listens
from hub.outbound import Prepared
from hub.ports import Connected
from hub.settings import engine_settings, schedules_of, workflows_of
from hub.surface import adapter_kinds, compile_routes, make_outlets
from hub.telemetry import configure_logging
from hub.workflows.catalog import Catalog
from hub.workflows.definition import Definition

_PATIENCE: Final = 1.5
"""Seconds that an edit waits for the database to take its schedules, before the rest goes ahead."""


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """An edit that was found good, and all that is needed to follow it. `schedules`: to be written."""

    configuration: Configuration
    difference: Changes
    table: RouteTable
    adapters: Mapping[str, Connected]
    destinations: Prepared
    workflows: Sequence[Definition]
    schedules: bool


def prepare(hub: Hub, new: Configuration, *, overdue: bool = False) -> Edit:
    """What following `new` takes. `overdue`: the schedules are to be written whether they differ or not.

    Raises ConfigurationError, WorkflowInvalid and Rejected, and does nothing.
    """
    on_port = {name for name, adapter in hub.adapters.items() if listens(adapter) and not connects(adapter)}
    difference = changes(hub.configuration, new, on_port)
    configuration = in_force(hub.configuration, new, difference.held)
    _check_handlers(hub, configuration)
    made = hub.make_adapters(configuration, only=difference.adapters)
    if strange := {name for name, adapter in made.items() if not connects(adapter)}:
        difference = changes(hub.configuration, new, on_port | strange)
        configuration = in_force(hub.configuration, new, difference.held)
    written = hub.configuration.workflows
    kept = [definition for definition in hub.workflows.catalog if definition.type not in written]
    workflows = Catalog([*workflows_of(configuration), *kept])
    return Edit(
        configuration=configuration,
        difference=difference,
        table=compile_routes(configuration, hub.registry),
        adapters={name: adapter for name, adapter in made.items() if connects(adapter)},
        destinations=hub.outbound.prepare(configuration),
        workflows=list(workflows),
        # Hubs with workflows have schedules of their own.
        schedules=overdue or difference.schedules or bool(len(workflows)) != bool(len(hub.workflows.catalog)),
    )


def _check_handlers(hub: Hub, new: Configuration) -> None:
    """Names that were there before are no fault of this edit."""
    before = {name for _, name in named_handlers(hub.configuration)}
    known = [entry.name for entry in hub.registry]
    remedy = 'a module added to "handlers" is loaded once the hub starts anew'
    faults = [
        Fault(place, f"no handler {name!r} is registered here", did_you_mean(name, known) or remedy)
        for place, name in named_handlers(new)
        if name not in before and hub.registry.get(name) is None
    ]
    if faults:
        raise ConfigurationError(faults, str(new.file))


async def follow(hub: Hub, edit: Edit) -> bool:
    """Put an edit in force while everything runs. False: all but its schedules, which the database did not take.

    Raises Rejected for schedules that no database would take, with nothing done.
    """
    # First what can still be refused; the rest cannot.
    written = not edit.schedules or await _write_schedules(hub, edit)
    difference, configuration = edit.difference, edit.configuration
    if not written:
        configuration = in_force(hub.configuration, configuration, [("schedules",)])
    if difference.any:
        _swap(hub, edit, configuration)
        await _connect(hub, edit)
    return written


async def _write_schedules(hub: Hub, edit: Edit) -> bool:
    """Where this instance plans them at all."""
    if "scheduler" not in hub.roles or not edit.configuration.jobs.enabled:
        return True
    schedules = schedules_of(edit.configuration, keep_house=bool(edit.workflows))
    try:
        async with asyncio.timeout(_PATIENCE):
            await hub.scheduler.follow(schedules)
    except (Transient, TimeoutError):
        return False
    return True


def _swap(hub: Hub, edit: Edit, configuration: Configuration) -> None:
    """All that is looked up, in one turn of the event loop."""
    difference = edit.difference
    for name in (hub.configuration.destinations.keys() - configuration.destinations.keys()) | difference.gone:
        hub.outlets.pop(name, None)
    for name in difference.gone:
        hub.adapters.pop(name, None)
    hub.outbound.follow(edit.destinations)
    hub.outlets.update(hub.outbound.outlets)
    hub.engine.store.protocols = outlets(configuration)
    hub.workflows.catalog.replace(edit.workflows)
    hub.configuration = configuration
    if hub.services is not None:
        hub.services.configuration = configuration
    if hub.intake is not None:
        hub.intake.table = edit.table
    if difference.pool:
        hub.engine.follow(engine_settings(configuration, hub.instance, work=hub.engine.working))
    if difference.log:
        configure_logging(configuration.log.level, configuration.log.format)


async def _connect(hub: Hub, edit: Edit) -> None:
    """Stop, start and subscribe what has changed; the other adapters go on."""
    difference = edit.difference
    if edit.adapters or difference.gone:
        await hub.supervisor.follow(edit.adapters, adapter_kinds(edit.configuration), difference.gone)
        hub.adapters.update(edit.adapters)
        made = make_outlets(edit.adapters, hub.supervisor, hub.clock)
        for name in edit.adapters.keys() - made.keys():
            hub.outlets.pop(name, None)
        hub.outlets.update(made)
    if difference.routes:
        hub.supervisor.changed()

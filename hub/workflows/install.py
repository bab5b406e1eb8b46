"""Workflows put into a hub: their handlers, the steps' entries, the monitor.

Invariant: a step's handler that is not registered here keeps no hub from starting: another instance may have it.
"""

from __future__ import annotations

from hub.clock import Clock
from hub.handlers.registry import Registry
from hub.ports import Database
from hub.queue.engine import Engine
from hub.queue.records import Records
from hub.telemetry import Metrics, get_logger
from hub.workflows import rows
from hub.workflows.catalog import Catalog
from hub.workflows.control import Workflows
from hub.workflows.handlers import handlers
from hub.workflows.monitor import Monitor, MonitorSettings
from hub.workflows.steps import StepEntries

_log = get_logger("hub.workflows")


def install(
    catalog: Catalog,
    database: Database,
    registry: Registry,
    engine: Engine,
    records: Records,
    clock: Clock,
    metrics: Metrics,
    settings: MonitorSettings | None = None,
) -> tuple[Workflows, Monitor]:
    """The workflows of a hub, and the monitor that is started where jobs are run."""
    workflows = Workflows(database, engine.store, records, catalog, clock, arrived=engine.arrived, cancel=engine.cancel)
    monitor = Monitor(database, workflows, clock, metrics, settings)
    registry.add(*handlers(workflows))
    for missing in catalog.missing(registry):
        _log.warning("no such handler", what=missing)
    registry.vary(rows.METHOD, StepEntries(workflows.progress, clock, monitor.suspect).of)
    return workflows, monitor

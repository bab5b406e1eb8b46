"""The composition root: one hub put together from a configuration, started and stopped in order.

Invariant: parts get what they need here and reach for nothing themselves. What starts last stops first: the port closes
before the workers drain, the workers drain before the database closes.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

from hub.alerts import Alerts
from hub.api.services import ApiServices
from hub.cache import open_backplane
from hub.clock import Clock, SystemClock
from hub.config import Configuration, load
from hub.config.outlets import outlets
from hub.db import migrator
from hub.db.engine import open_database
from hub.db.probe import open_probe
from hub.errors import Rejected
from hub.handlers import http_request, publish, system
from hub.handlers.outlet import Outlet
from hub.health import Health
from hub.ingest import again
from hub.ingest.intake import Intake
from hub.ingest.supervisor import LEASE, Parts, Supervisor
from hub.locking import Sharing
from hub.maintenance import HubMaintenance
from hub.outbound import Outbound
from hub.ports import Database
from hub.producer import Producer
from hub.queue.engine import Engine, Shared
from hub.queue.follow import follow
from hub.queue.manager import QueueManager
from hub.queue.records import Records
from hub.scheduler.recovery import install as install_recovery
from hub.scheduler.scheduler import CHANNEL as SCHEDULES
from hub.scheduler.scheduler import Scheduler
from hub.settings import (
    cache_settings,
    catalog_of,
    collect,
    database_settings,
    engine_settings,
    recovery_settings,
    retention,
    scheduler_settings,
    schedules_of,
)
from hub.surface import (
    adapter_kinds,
    doors,
    make_adapters,
    make_outlets,
    open_http,
    open_intake,
    open_services,
)
from hub.telemetry import Metrics, NoMetrics, get_logger
from hub.workflows.definition import Workflow
from hub.workflows.install import install

ROLES = ("worker", "scheduler", "adapters", "api")

_log = get_logger("hub")


class Hub(Producer):
    """One instance of the hub.

    `roles` limits what this instance does (ROLES; None: everything), `queues` which queues its workers take.
    `handlers` are functions marked with `@handler`, `workflows` are written in Python: both beside the modules that the
    configuration names.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        roles: Collection[str] | None = None,
        queues: Collection[str] | None = None,
        handlers: Iterable[Callable[..., Any]] = (),
        workflows: Iterable[Workflow] = (),
        clock: Clock | None = None,
    ) -> None:
        unknown = sorted(set(roles or ()) - set(ROLES))
        if unknown:
            raise Rejected(f"no role {unknown[0]!r}: choose from {', '.join(ROLES)}", field="roles")
        self.configuration = configuration
        self.roles: Collection[str] = frozenset(ROLES if roles is None else roles)
        self.clock = clock or SystemClock()
        # Containers restart with the same name and pid: the end of an id tells one life from the next.
        self.instance = f"{socket.gethostname()}:{os.getpid()}:{self.clock.new_id()[-6:]}"
        self.metrics: Metrics = Metrics() if configuration.jobs.enable_metrics else NoMetrics()
        url = configuration.database.url.get_secret_value()
        settings = database_settings(configuration, exclusive="worker" in self.roles)
        self.database: Database = open_database(url, settings, self.clock)
        self.make_adapters = partial(
            make_adapters,
            database=self.database,
            clock=self.clock,
            instance=self.instance,
            backplane=open_backplane(cache_settings(configuration), self.clock),
            follow=self._follow,
        )
        """The adapters of a configuration (`only`: of these names), for this hub."""
        self.adapters = self.make_adapters(configuration)
        self.registry = collect(configuration, handlers)
        catalog = catalog_of(configuration, self.registry, workflows)
        self.outlets: dict[str, Outlet] = {}
        self.outbound = Outbound(configuration, self.clock)
        self.registry.add(
            *publish.handlers(self.outlets),
            *http_request.handlers(self.outbound.make),
            *again.handlers(lambda: self.intake),
        )
        self.sharing = Sharing(
            cache_settings(configuration), self.instance, self.clock, notify=self.database.dialect != "postgresql"
        )
        self.engine = Engine(
            self.database,
            self.registry,
            self.clock,
            self.metrics,
            engine_settings(configuration, self.instance, work="worker" in self.roles, only=queues),
            Shared(self.sharing.locks, self.sharing.channels, self.sharing.states),
        )
        self.engine.store.protocols = outlets(configuration)
        self.sharing.mode.when_found(self.engine.limits.republish)
        parts = Parts(
            database=self.database,
            store=self.engine.store,
            arrived=self.engine.arrived,
            clock=self.clock,
            metrics=self.metrics,
            owner=self.instance,
            lease=min(LEASE, configuration.jobs.lease),
            shutdown_timeout=max(1.0, configuration.jobs.shutdown_timeout),
        )
        self.supervisor = Supervisor(
            self.adapters, adapter_kinds(configuration), parts, lambda: doors(self.configuration)
        )
        self.outlets.update(make_outlets(self.adapters, self.supervisor, self.clock), **self.outbound.outlets)
        self.metrics.watch(
            *("hub_circuit_open", "Whether sending rests, after failures in a row.", "to"),
            lambda: {name: float(outlet.resting()) for name, outlet in self.outlets.items()},
        )
        self.records = Records(
            self.database,
            self.engine.store,
            dedupe_retention=configuration.jobs.dedupe_retention,
            woken=self.engine.woken,
        )
        self.queue_manager = QueueManager(
            self.engine.store,
            self.engine.commit.enqueue,
            self.records.status,
            self.clock,
            self.instance,
            self.sharing.locks,
            self.sharing.cache,
        )
        maintenance = HubMaintenance(self.records, lambda: self.configuration.jobs.dedupe_retention, self.health)
        self.registry.add(*system.handlers(maintenance, retention(configuration)))
        self.workflows, self.monitor = install(
            catalog, self.database, self.registry, self.engine, self.records, self.clock, self.metrics
        )
        self.recovery = install_recovery(
            self.database,
            self.registry,
            self.engine.store,
            self.engine.woken,
            self.clock,
            recovery_settings(configuration),
        )
        self.scheduler = Scheduler(
            self.database,
            open_probe(url, settings),
            self.engine.woken,
            self.clock,
            scheduler_settings(configuration, run="scheduler" in self.roles),
        )
        self.alerts = Alerts(
            lambda: self.configuration.alerts,
            self.records,
            self.supervisor.view,
            self.engine.commit.enqueue,
            self.database,
            self.instance,
            self.clock,
        )
        self.vitals = Health(
            self.instance,
            self.clock,
            database=self.database,
            sharing=self.sharing,
            engine=self.engine,
            supervisor=self.supervisor,
            scheduler=self.scheduler,
            recovery=self.recovery,
            monitor=self.monitor,
        )
        self._running = AsyncExitStack()
        self.addresses: list[str] = []
        self.intake: Intake | None = None
        self.services: ApiServices | None = None
        self.last_edit: Callable[[], object] = lambda: None
        """What came of the last edit of the file, for the API: set by whoever watches it."""

    @classmethod
    def from_file(
        cls, path: str | Path | None = None, *, environ: Mapping[str, str] | None = None, **options: Any
    ) -> Self:
        """The hub that configuration.json describes, with the environment's overrides; `options` as for Hub itself.

        Raises ConfigurationError with every fault.
        """
        configuration = load(Path(path) if path is not None else None, os.environ if environ is None else environ)
        return cls(configuration, **options)

    # --- life -------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Bring the schema up, open the database, start the workers, open the port."""
        self.vitals.stopping = False
        async with AsyncExitStack() as starting:
            await self._migrate()
            await self.database.start()
            starting.push_async_callback(self.database.stop)
            await self.sharing.start()
            starting.push_async_callback(self.sharing.stop)
            starting.push_async_callback(self.outbound.stop)
            starting.push_async_callback(self.registry.pool.stop)
            await self.engine.start()
            starting.push_async_callback(self.engine.stop)
            if self.engine.working:
                self.monitor.start()
                starting.push_async_callback(self.monitor.stop)
                self.recovery.start()
                starting.push_async_callback(self.recovery.stop)
            await self.scheduler.start(schedules_of(self.configuration, keep_house=len(self.workflows.catalog) > 0))
            self._hear_of_schedules()
            starting.push_async_callback(self.scheduler.stop)
            intake = self.intake = open_intake(self)
            services = self.services = open_services(self, intake)
            services.reloaded = lambda: self.last_edit()
            server = open_http(self, services) if {"adapters", "api"} & set(self.roles) else None
            starting.push_async_callback(self.supervisor.stop)
            if {"adapters", "worker"} & set(self.roles):
                await self.supervisor.start(intake, read="adapters" in self.roles)
            if "scheduler" in self.roles:
                self.alerts.start()
                starting.push_async_callback(self.alerts.stop)
            if server is not None:
                await server.start()
                starting.push_async_callback(server.stop)
                # Before the port closes: clients of listeners are told good-bye, not cut off.
                starting.push_async_callback(self.supervisor.stop)
                self.addresses = [server.address]
            self._running = starting.pop_all()
        _log.info(
            "ready",
            instance=self.instance,
            database=self.configuration.database.url.__str__(),
            handlers=len(self.registry),
            workers=self.configuration.jobs.resolved_workers if self.engine.working else 0,
            listening=", ".join(self.addresses) or None,
        )

    async def stop(self) -> None:
        """Stop intake, drain what runs, give back the rest, close. Harmless when never started, and twice."""
        self.vitals.stopping = True
        await self._running.aclose()

    # --- seen -------------------------------------------------------------------------------------------------------

    async def health(self) -> dict[str, Any]:
        """What /health and `hub status` tell of this instance."""
        return await self.vitals.state()

    async def unready(self) -> list[str]:
        """Why this instance cannot take work now; empty when it can."""
        return await self.vitals.unready()

    def schedules_changed(self) -> None:
        """Rows of `jobs` were written by this process: schedulers here and on other instances look at once."""
        self.scheduler.changed()
        if self.sharing.channels is not None:
            self.sharing.channels.publish(SCHEDULES, "")

    def _follow(self, job_id: str) -> AsyncGenerator[Mapping[str, Any], None]:
        return follow(self.records, job_id)

    def _hear_of_schedules(self) -> None:
        channels = self.sharing.channels
        if channels is not None:
            channels.listen(SCHEDULES, lambda _: self.scheduler.changed(), self.scheduler.changed)
        self.sharing.listen()

    async def _migrate(self) -> None:
        url = self.configuration.database.url.get_secret_value()
        if self.configuration.database.migrate == "auto":
            for applied in await migrator.migrate(url):
                _log.info("migrated", version=applied.version, name=applied.name)
        else:
            await migrator.require_current(url)

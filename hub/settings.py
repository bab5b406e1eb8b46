"""The configuration's sections in the terms of the layers that they are for.

Invariant: pure, but for `collect`, which imports the modules that the configuration names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import msgspec

from hub.cache import CacheSettings
from hub.config import Configuration
from hub.config.sections.plans import Workflow as WorkflowSection
from hub.db.settings import DatabaseSettings
from hub.handlers import system
from hub.handlers.pool import ProcessPool
from hub.handlers.registry import Registry
from hub.queue.claims import StoreSettings
from hub.queue.engine import EngineSettings
from hub.queue.executor import ExecutorSettings
from hub.queue.limit import Limit
from hub.queue.limit_rules import HandlerLimit
from hub.queue.upkeep import UpkeepSettings
from hub.queue.worker import PoolSettings
from hub.scheduler.recovery import RecoverySettings
from hub.scheduler.scheduler import SchedulerSettings
from hub.scheduler.schedules import Schedule
from hub.transitions import Rules
from hub.workflows.catalog import Catalog
from hub.workflows.catalog import collect as collect_workflows
from hub.workflows.definition import Definition, Step, Workflow

BUILT_IN = "hub.handlers.sql"


def retention(configuration: Configuration) -> system.Retention:
    """How long what has ended is kept."""
    jobs = configuration.jobs
    return system.Retention(histories=jobs.job_history_retention_days, jobs=jobs.job_retention_days)


def collect(configuration: Configuration, functions: Iterable[Callable[..., Any]] = ()) -> Registry:
    """The handlers of a configuration, without those that need a running hub. Raises HandlersInvalid with every
    fault."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # modules beside the configuration, as `python -m hub` finds them
    jobs = configuration.jobs
    registry = Registry(
        rules=Rules(unknown_handler_after=jobs.unknown_handler_after), pool=ProcessPool(jobs.process_pool)
    )
    registry.collect([BUILT_IN, *configuration.handlers])
    return registry.add(*functions)


def catalog_of(configuration: Configuration, registry: Registry, more: Iterable[Workflow] = ()) -> Catalog:
    """The workflows of the configuration and of its modules; functions that they name join the registry.

    Raises WorkflowInvalid with every fault.
    """
    written = collect_workflows(configuration.handlers, registry)
    given = list(more)
    for workflow in given:
        registry.add(*workflow.functions)
    return Catalog([*workflows_of(configuration), *written, *(workflow.definition for workflow in given)])


def workflows_of(configuration: Configuration) -> list[Definition]:
    """The `workflows` section alone."""
    return [_definition(name, workflow) for name, workflow in configuration.workflows.items()]


def _definition(name: str, workflow: WorkflowSection) -> Definition:
    return Definition(
        type=name,
        steps=tuple(
            Step(
                name=step.name,
                handler=step.handler,
                after=tuple(step.after),
                queue=step.queue,
                priority=step.priority,
                max_retries=step.max_retries,
                timeout=step.timeout,
                wait_for=step.wait_for,
                delay=step.delay,
                until=step.until,
                settings=dict(step.with_),
            )
            for step in workflow.steps
        ),
    )


def database_settings(configuration: Configuration, *, exclusive: bool = True) -> DatabaseSettings:
    """The `database` section in the database layer's terms; `exclusive`: this process runs jobs (SQLite)."""
    database = configuration.database
    return DatabaseSettings(
        pool=database.pool,
        transaction_warning=database.transaction_warning,
        transaction_timeout=database.transaction_timeout,
        listen_url=database.listen_url.get_secret_value() if database.listen_url is not None else None,
        exclusive=exclusive,
    )


def cache_settings(configuration: Configuration) -> CacheSettings | None:
    """The `cache` section, if there is one. A claim must not wait for it for a large part of its lease."""
    cache = configuration.cache
    if cache is None:
        return None
    return CacheSettings(
        adapter=cache.adapter,
        url=cache.url.get_secret_value() if cache.url is not None else None,
        prefix=cache.prefix,
        timeout=min(cache.timeout, configuration.jobs.lease / 3),
    )


def engine_settings(
    configuration: Configuration, instance: str, *, work: bool, only: Collection[str] | None = None
) -> EngineSettings:
    """The `jobs` section in the engine's terms."""
    jobs = configuration.jobs
    return EngineSettings(
        store=StoreSettings(
            owner=instance,
            lease=jobs.lease,
            max_retries=jobs.max_retries,
            max_crashes=jobs.max_crashes,
            history_input=jobs.history_input,
            ageing={name: queue.ageing for name, queue in jobs.queues.items() if queue.ageing is not None},
        ),
        pool=PoolSettings(
            workers=jobs.resolved_workers,
            queues={name: queue.limit for name, queue in jobs.queues.items()},
            only=frozenset(only) if only is not None else None,
            shutdown_timeout=jobs.shutdown_timeout,
        ),
        executor=ExecutorSettings(
            default_timeout=jobs.default_timeout, unknown_handler_after=jobs.unknown_handler_after
        ),
        upkeep=UpkeepSettings(
            poll_interval=jobs.poll_interval, rescue_interval=min(jobs.poll_interval, jobs.lease / 3)
        ),
        queue_limits={
            name: Limit(queue.concurrency, queue.rate)
            for name, queue in jobs.queues.items()
            if queue.concurrency is not None or queue.rate is not None
        },
        handler_limits={
            name: HandlerLimit(Limit(one.concurrency, one.rate), one.key) for name, one in jobs.limits.items()
        },
        work=work and jobs.enabled,
        enabled=jobs.enabled,
    )


def scheduler_settings(configuration: Configuration, *, run: bool) -> SchedulerSettings:
    """When the table `jobs` is looked at."""
    jobs = configuration.jobs
    return SchedulerSettings(run=run and jobs.enabled, check_interval=jobs.scheduler_check_interval)


def recovery_settings(configuration: Configuration) -> RecoverySettings:
    """Whether runs of tasks are kept and recovered, and how often they are looked for."""
    recovery = configuration.jobs.recovery
    return RecoverySettings(
        enabled=recovery.enabled, check_interval=recovery.check_interval, max_attempts=recovery.max_attempts
    )


def housekeeping() -> dict[str, Schedule]:
    """What a hub with workflows does by the clock; a schedule of the same name in the configuration takes its place."""
    kept = {
        "workflows-stuck": ("system.workflows.stuck", None, 300, '{"older_than": 3600}'),
        "workflows-cleanup": ("system.workflows.cleanup", "0 3 * * *", None, '{"days": 30}'),
        "workflows-metrics": ("system.workflows.metrics", None, 600, None),
        "workflows-health": ("system.health.check", None, 60, None),
    }
    return {
        name: Schedule(handler=handler, cronexpression=cron, intervalseconds=seconds, payload=payload)
        for name, (handler, cron, seconds, payload) in kept.items()
    }


def schedules_of(configuration: Configuration, *, keep_house: bool = False) -> dict[str, Schedule]:
    """The `schedules` section as rows of the table `jobs`, by name; `keep_house`: and those for workflows."""
    default = configuration.jobs.default_timeout
    return (housekeeping() if keep_house else {}) | {
        name: Schedule(
            handler=one.handler,
            cronexpression=one.cron,
            intervalseconds=None if one.interval is None else round(one.interval),
            startat=one.start_at,
            endat=one.end_at,
            maxexecutions=one.max_executions,
            enabled=one.enabled,
            condition=one.condition,
            priority=one.priority,
            maxretries=one.max_retries,
            timeout=one.timeout or default,
            metadata=msgspec.json.encode(one.metadata).decode() if one.metadata else None,
            enable_recovery=one.enable_recovery,
            payload=None if one.payload is None else msgspec.json.encode(one.payload).decode(),
            queue=one.queue,
            timezone=one.timezone,
            misfire=one.misfire,
            overlap=one.overlap,
            jitter=one.jitter,
            description=one.description,
        )
        for name, one in configuration.schedules.items()
    }

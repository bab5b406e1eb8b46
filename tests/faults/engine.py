"""The engine as it is in production, built from a few figures; in a victim's process, or in the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import msgspec

from hub.clock import SystemClock
from hub.db.engine import open_database
from hub.db.settings import DatabaseSettings
from hub.handlers.registry import Registry
from hub.ports import Database
from hub.queue.claims import StoreSettings
from hub.queue.engine import Engine, EngineSettings
from hub.queue.executor import ExecutorSettings
from hub.queue.store import Store
from hub.queue.upkeep import UpkeepSettings
from hub.queue.worker import PoolSettings
from hub.telemetry.metrics import NoMetrics


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker works. Durations in seconds. `max_crashes` is out of reach: what is innocent must not be failed,
    however often a fault hits it; tests of poison say another. `exclusive`: take the lock of a SQLite file."""

    owner: str = "worker"
    workers: int = 10
    lease: float = 1.0
    rescue_interval: float = 0.2
    poll_interval: float = 0.2
    max_crashes: int = 1000
    max_retries: int = 3
    default_timeout: float = 30.0
    transaction_timeout: float = 60.0
    shutdown_timeout: float = 10.0
    pool: int = 8
    exclusive: bool = True


def build(url: str, work: Work, handlers: Iterable[Callable[..., Any] | ModuleType]) -> tuple[Database, Engine]:
    """Neither of them started. `handlers` are functions, or modules that hold some."""
    clock = SystemClock()
    settings = DatabaseSettings(pool=work.pool, transaction_timeout=work.transaction_timeout, exclusive=work.exclusive)
    database = open_database(url, settings, clock)
    registry = Registry()
    for one in handlers:
        if isinstance(one, ModuleType):
            registry.collect([one], entry_points=False)
        else:
            registry.add(one)
    engine = Engine(
        database,
        registry,
        clock,
        NoMetrics(),
        EngineSettings(
            store=StoreSettings(
                owner=work.owner, lease=work.lease, max_retries=work.max_retries, max_crashes=work.max_crashes
            ),
            pool=PoolSettings(
                workers=work.workers,
                queues={"default": work.workers, "external": work.workers},
                shutdown_timeout=work.shutdown_timeout,
            ),
            executor=ExecutorSettings(default_timeout=work.default_timeout),
            upkeep=UpkeepSettings(poll_interval=work.poll_interval, rescue_interval=work.rescue_interval),
        ),
    )
    return database, engine


@asynccontextmanager
async def running(url: str, work: Work, handlers: Iterable[Callable[..., Any] | ModuleType]) -> AsyncIterator[Engine]:
    """The engine at work in this process, drained at the end."""
    database, engine = build(url, work, handlers)
    await database.start()
    try:
        await engine.start()
        try:
            yield engine
        finally:
            await engine.stop()
    finally:
        await database.stop()


@asynccontextmanager
async def storing(url: str, work: Work) -> AsyncIterator[Store]:
    """A store without a worker, to insert with."""
    database = open_database(url, DatabaseSettings(exclusive=False, application_name="hub-test"), SystemClock())
    await database.start()
    try:
        yield Store(database, StoreSettings(owner="generator", max_crashes=work.max_crashes), Registry())
    finally:
        await database.stop()

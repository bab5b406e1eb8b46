"""The engine as it is in production, built from a few figures; in a victim's process, or in the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from types import ModuleType
from typing import Any

import msgspec

from hub.cache import CacheSettings
from hub.clock import SystemClock
from hub.db.engine import open_database
from hub.db.settings import DatabaseSettings
from hub.handlers.registry import Registry
from hub.locking import Sharing
from hub.ports import Database
from hub.queue import lane
from hub.queue.claims import StoreSettings
from hub.queue.engine import Engine, EngineSettings, Shared
from hub.queue.executor import ExecutorSettings
from hub.queue.store import Store
from hub.queue.upkeep import UpkeepSettings
from hub.queue.worker import PoolSettings
from hub.telemetry.metrics import NoMetrics


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker works. Durations in seconds. `max_crashes` is out of reach: what is innocent must not be failed,
    however often a fault hits it; tests of poison say another. `exclusive`: take the lock of a SQLite file.
    `cache`: an address of Redis or Memcached. `groups`: how many groups of one handler overlap; few, so that they are
    large."""

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
    groups: int = lane.GROUPS
    cache: str | None = None
    cache_timeout: float = 0.5


def share(work: Work, database: Database) -> Sharing:
    """Its part in the cache, if it has one; not started."""
    adapter = (work.cache or "").partition("://")[0]
    settings = CacheSettings(adapter=adapter, url=work.cache, timeout=work.cache_timeout) if work.cache else None
    return Sharing(settings, work.owner, SystemClock(), notify=database.dialect != "postgresql")


def build(
    url: str, work: Work, handlers: Iterable[Callable[..., Any] | ModuleType]
) -> tuple[Database, Sharing, Engine]:
    """None of them started. `handlers` are functions, or modules that hold some."""
    lane.GROUPS = work.groups
    clock = SystemClock()
    settings = DatabaseSettings(pool=work.pool, transaction_timeout=work.transaction_timeout, exclusive=work.exclusive)
    database = open_database(url, settings, clock)
    sharing = share(work, database)
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
        Shared(sharing.locks, sharing.channels),
    )
    return database, sharing, engine


@asynccontextmanager
async def running(url: str, work: Work, handlers: Iterable[Callable[..., Any] | ModuleType]) -> AsyncIterator[Engine]:
    """The engine at work in this process, drained at the end."""
    database, sharing, engine = build(url, work, handlers)
    async with AsyncExitStack() as started:
        await database.start()
        started.push_async_callback(database.stop)
        await sharing.start()
        started.push_async_callback(sharing.stop)
        await engine.start()
        started.push_async_callback(engine.stop)
        sharing.listen()
        yield engine


@asynccontextmanager
async def storing(url: str, work: Work) -> AsyncIterator[Store]:
    """A store without a worker, to insert with."""
    database = open_database(url, DatabaseSettings(exclusive=False, application_name="hub-test"), SystemClock())
    await database.start()
    try:
        yield Store(database, StoreSettings(owner="generator", max_crashes=work.max_crashes), Registry())
    finally:
        await database.stop()

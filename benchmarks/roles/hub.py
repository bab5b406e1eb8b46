"""The hub as it runs in production, for the roles: a database that is started, and an engine over it.

Invariant: nothing is turned off: metrics, history, heartbeat, upkeep and fences are on. The process is set as `hub run`
sets it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from hub.cli.collector import settle
from hub.clock import SystemClock
from hub.db.engine import open_database
from hub.db.settings import DatabaseSettings
from hub.handlers.registry import Registry
from hub.model import NewJob
from hub.ports import Database
from hub.queue.claims import StoreSettings
from hub.queue.engine import Engine, EngineSettings, Shared
from hub.queue.store import Store
from hub.queue.worker import PoolSettings
from hub.telemetry import Metrics

CLOCK = SystemClock()
STORE = StoreSettings(owner=f"benchmark:{os.getpid()}")
PAYLOAD = '{"order": 7, "customer": "c-1029", "lines": [{"sku": "A-17", "quantity": 3}], "note": "as agreed"}'


@asynccontextmanager
async def started(url: str, pool: int = 16) -> AsyncIterator[Database]:
    database = open_database(url, DatabaseSettings(pool=pool), CLOCK)
    await database.start()
    settle()
    try:
        yield database
    finally:
        await database.stop()


def engine(database: Database, workers: int, *handlers: Callable[..., Any], shared: Shared | None = None) -> Engine:
    """An engine with one queue, `default`, not started yet. `shared`: what it has beside the database."""
    registry = Registry().add(*handlers)
    pool = PoolSettings(workers=workers, queues={"default": workers})
    return Engine(database, registry, CLOCK, Metrics(), EngineSettings(store=STORE, pool=pool), shared)


def store(database: Database) -> Store:
    """The store alone, without workers."""
    return Store(database, STORE, Registry())


def new_job(handler: str, payload: str = PAYLOAD) -> NewJob:
    return NewJob(id=CLOCK.new_id(), handler=handler, payload=payload, queue="default")

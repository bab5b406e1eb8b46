"""A running engine with the handlers of a test, and ways to wait for what happens."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from sqlalchemy import text

from hub.clock import SystemClock
from hub.db.engine import open_database
from hub.db.migrator import migrate
from hub.db.settings import DatabaseSettings
from hub.handlers.outgoing import request
from hub.handlers.registry import Registry
from hub.ports import Database
from hub.queue.claims import StoreSettings
from hub.queue.engine import Engine, EngineSettings
from hub.queue.executor import ExecutorSettings
from hub.queue.upkeep import UpkeepSettings
from hub.queue.worker import PoolSettings
from hub.telemetry.metrics import Metrics, Run

PATIENCE = 45.0


class Observed(Metrics):
    """Metrics that a test can wait on."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[Run] = []
        self.changed = asyncio.Event()

    def observe_batch(self, runs: Iterable[Run]) -> None:
        runs = list(runs)
        super().observe_batch(runs)
        self.runs.extend(runs)
        self.changed.set()


class Rig:
    """A running engine. `seen` is for handlers to append to."""

    def __init__(self, url: str, database: Database, engine: Engine, metrics: Observed) -> None:
        self.url = url
        self.database = database
        self.engine = engine
        self.metrics = metrics
        self._clock = SystemClock()

    async def enqueue(self, handler: str, payload: Any = None, **options: Any) -> str:
        job = request(self._clock.new_id(), handler, payload, None, options)  # type: ignore[arg-type]  # a test's shorthand
        return (await self.engine.commit.enqueue(job)).id

    async def sql(self, statement: str, **parameters: Any) -> list[Any]:
        async with self.database.transaction() as connection:
            answer = await connection.execute(text(statement), parameters)
            return [row._mapping for row in answer] if answer.returns_rows else []

    async def job(self, job_id: str) -> Any:
        return (await self.sql("SELECT * FROM queue_jobs WHERE id = :id", id=job_id))[0]

    async def histories(self, job_id: str) -> list[Any]:
        return await self.sql("SELECT * FROM job_histories WHERE jobid = :id ORDER BY retryattempt, id", id=job_id)

    async def until(self, job_id: str, *statuses: int) -> Any:
        """The row once it has one of the statuses (final ones unless said)."""
        async with asyncio.timeout(PATIENCE):
            while True:
                self.metrics.changed.clear()
                row = await self.job(job_id)
                if row["statusid"] in (statuses or (3, 4, 6)):
                    return row
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await self.metrics.changed.wait()

    async def ran(self, count: int) -> None:
        """Until so many attempts have ended."""
        async with asyncio.timeout(PATIENCE):
            while len(self.metrics.runs) < count:
                self.metrics.changed.clear()
                await self.metrics.changed.wait()


@asynccontextmanager
async def running(
    url: str,
    *handlers: Callable[..., Any],
    workers: int = 10,
    queues: dict[str, int] | None = None,
    lease: float = 30.0,
    max_retries: int = 3,
    default_timeout: float = 30.0,
    poll_interval: float = 5.0,
    shutdown_timeout: float = 10.0,
    owner: str = "worker-1",
    pool: int = 8,
    unknown_handler_after: float = 3600.0,
) -> AsyncIterator[Rig]:
    await migrate(url)
    clock = SystemClock()
    database = open_database(url, DatabaseSettings(pool=pool, exclusive=owner == "worker-1"), clock)
    metrics = Observed()
    settings = EngineSettings(
        store=StoreSettings(owner=owner, lease=lease, max_retries=max_retries),
        pool=PoolSettings(workers=workers, queues=queues or {"default": workers}, shutdown_timeout=shutdown_timeout),
        executor=ExecutorSettings(default_timeout=default_timeout, unknown_handler_after=unknown_handler_after),
        upkeep=UpkeepSettings(poll_interval=poll_interval, rescue_interval=lease / 3),
    )
    engine = Engine(database, Registry().add(*handlers), clock, metrics, settings)
    await database.start()
    try:
        await engine.start()
        try:
            yield Rig(url, database, engine, metrics)
        finally:
            await engine.stop()
    finally:
        await database.stop()


RigMaker = Callable[..., AbstractAsyncContextManager[Rig]]

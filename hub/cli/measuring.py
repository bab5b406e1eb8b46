"""The work of `hub bench`: an engine as `hub run` would start it, over a scratch database, and a clock.

Invariant: a job counts once its end is committed, and every figure is of as many jobs as were asked for: with history,
fences, leases and heartbeat on, as in production.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from sqlalchemy import text

from hub.cli.show import output, table
from hub.clock import SystemClock
from hub.config import Configuration
from hub.db import migrator
from hub.db.engine import open_database
from hub.db.scratch import scratch
from hub.db.url import parse
from hub.errors import HubError
from hub.handlers.batch import Batch
from hub.handlers.job import Job
from hub.handlers.mark import handler
from hub.handlers.registry import Registry
from hub.model import NewJob
from hub.ports import Database
from hub.queue.engine import Engine
from hub.settings import database_settings, engine_settings
from hub.telemetry import Metrics

_CLOCK = SystemClock()
_BATCH = 1000
_PICKUPS = 100
_TABLE = "CREATE TABLE bench_effects (job VARCHAR(64))"
_EFFECT = text("INSERT INTO bench_effects (job) VALUES (:job)")
_COMPLETED = text("SELECT count(*) FROM queue_jobs WHERE statusid = 3")
_PAYLOAD = '{"order": 7, "customer": "c-1029", "lines": [{"sku": "A-17", "quantity": 3}], "note": "as agreed"}'

PARTS = {
    "empty": "handlers that do nothing",
    "insert": "handlers that write one row, each in a transaction of its own",
    "shared": "the same, many to a transaction (share_transaction)",
    "batch": "the same, as a batch handler",
}

Told = Callable[[str, int], None]
"""Of the part under way, and how many jobs are done in all."""


class Figures(msgspec.Struct, frozen=True):
    """What was measured: jobs a second by part, rows a second of bulk enqueues, milliseconds until an idle worker
    begins a job."""

    database: str
    workers: int
    jobs: int
    enqueue: float
    rates: dict[str, float]
    pickup_p50: float
    pickup_p99: float


class _Done:
    """Counts jobs; `all` waits for as many as were expected."""

    def __init__(self) -> None:
        self._left = 0
        self._reached = asyncio.Event()
        self.began: dict[str, float] = {}

    def expect(self, jobs: int) -> None:
        self._left = jobs
        self._reached.clear()

    def one(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._reached.set()

    @property
    def left(self) -> int:
        return self._left

    async def all(self) -> None:
        await self._reached.wait()


class Measuring:
    """`run` measures all parts, one after another."""

    def __init__(self, configuration: Configuration, jobs: int, told: Told) -> None:
        self._configuration = configuration
        self._jobs = jobs
        self._told = told
        self._done = _Done()

    async def run(self) -> Figures:
        """Raises DatabaseUnavailable, Rejected."""
        url = self._configuration.database.url.get_secret_value()
        rates: dict[str, float] = {}
        enqueued: list[float] = []
        async with self._database(url) as database:
            for number, part in enumerate(PARTS):
                self._told(PARTS[part], number * self._jobs)
                enqueued.append(await self._fill(database, f"bench.{part}"))
                rates[part] = await self._empty(database, number * self._jobs, PARTS[part])
            delays = await self._pick_up(database)
        hundredths = statistics.quantiles(delays, n=100, method="inclusive")
        return Figures(
            database=parse(url).masked,
            workers=self._configuration.jobs.resolved_workers,
            jobs=self._jobs,
            enqueue=round(statistics.median(enqueued), 1),
            rates={part: round(rate, 1) for part, rate in rates.items()},
            pickup_p50=round(hundredths[49] * 1000, 2),
            pickup_p99=round(hundredths[98] * 1000, 2),
        )

    @asynccontextmanager
    async def _database(self, url: str) -> AsyncIterator[Database]:
        async with scratch(url) as beside:
            await migrator.migrate(beside)
            database = open_database(beside, database_settings(self._configuration), _CLOCK)
            await database.start()
            try:
                async with database.transaction() as connection:
                    await connection.execute(text(_TABLE))
                yield database
            finally:
                await database.stop()

    def _engine(self, database: Database) -> Engine:
        """As the configuration has it, but for limits and a queue's share: they would be what is measured."""
        settings = engine_settings(self._configuration, f"bench:{_CLOCK.new_id()}", work=True)
        pool = msgspec.structs.replace(settings.pool, queues={}, only=None)
        plain = msgspec.structs.replace(settings, pool=pool, queue_limits={}, handler_limits={}, work=True)
        return Engine(database, Registry().add(*self._handlers()), _CLOCK, Metrics(), plain)

    def _handlers(self) -> list[Callable[..., Any]]:
        done = self._done

        @handler("bench.empty")
        async def empty(job: Job) -> None:
            done.began[job.id] = _CLOCK.monotonic()
            done.one()

        @handler("bench.insert")
        async def insert(job: Job) -> None:
            await job.db.execute(_EFFECT, {"job": job.id})
            done.one()

        @handler("bench.shared", share_transaction=True)
        async def shared(job: Job) -> None:
            await job.db.execute(_EFFECT, {"job": job.id})
            done.one()

        @handler("bench.batch", batch=200)
        async def batch(batch: Batch[Any]) -> None:
            await batch.db.execute(_EFFECT, [{"job": job.id} for job in batch.jobs])
            for _ in batch.jobs:
                done.one()

        return [empty, insert, shared, batch]

    async def _fill(self, database: Database, name: str) -> float:
        """Rows a second."""
        store = self._engine(database).store
        begun = _CLOCK.monotonic()
        for start in range(0, self._jobs, _BATCH):
            await store.enqueue([_job(name) for _ in range(min(_BATCH, self._jobs - start))])
        return self._jobs / (_CLOCK.monotonic() - begun)

    async def _empty(self, database: Database, before: int, what: str) -> float:
        """Jobs a second, from the start of the workers until the last end is written."""
        engine = self._engine(database)
        self._done.expect(self._jobs)
        begun = _CLOCK.monotonic()
        await engine.start()
        all_done = asyncio.create_task(self._done.all())
        try:
            while not (await asyncio.wait([all_done], timeout=0.1))[0]:
                self._told(what, before + self._jobs - self._done.left)
            while engine.state()["held"]:  # noqa: ASYNC110 - nothing tells when the last job is written
                await asyncio.sleep(0.001)
            seconds = _CLOCK.monotonic() - begun
            await self._all_there(database, before + self._jobs)
            return self._jobs / seconds
        finally:
            all_done.cancel()
            await engine.stop()

    async def _all_there(self, database: Database, jobs: int) -> None:
        async with database.transaction() as connection:
            completed = (await connection.execute(_COMPLETED)).scalar_one()
        if completed != jobs:
            raise HubError(f"{completed} of {jobs} jobs have completed: there is no figure")

    async def _pick_up(self, database: Database) -> list[float]:
        """Seconds from a commit in this process until an idle worker has begun the job."""
        engine = self._engine(database)
        await engine.start()
        delays: list[float] = []
        try:
            for _ in range(_PICKUPS):
                await asyncio.sleep(random.uniform(0.005, 0.05))  # noqa: S311 - idle for a moment, no secret
                job = _job("bench.empty")
                self._done.expect(1)
                await engine.commit.enqueue(job)
                committed = _CLOCK.monotonic()
                await self._done.all()
                delays.append(max(0.0, self._done.began[job.id] - committed))
        finally:
            await engine.stop()
        return delays


def show(figures: Figures) -> None:
    """The figures as a table."""
    rows = [["rows enqueued, by the thousand", f"{figures.enqueue:,.0f} /s"]]
    rows += [[PARTS[part], f"{rate:,.0f} /s"] for part, rate in figures.rates.items()]
    rows += [
        ["an idle worker begins a job, median", f"{figures.pickup_p50:.2f} ms"],
        ["an idle worker begins a job, 99 of 100", f"{figures.pickup_p99:.2f} ms"],
    ]
    console = output()
    console.print(f"{figures.database}, {figures.workers} workers, {figures.jobs:,} jobs each")
    console.print(table(["WHAT", "FIGURE"], rows, right=["FIGURE"]))


def _job(name: str) -> NewJob:
    return NewJob(id=_CLOCK.new_id(), handler=name, payload=_PAYLOAD, queue="default")

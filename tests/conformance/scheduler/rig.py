"""A scheduler under test: its time is the test's, its rows are written by SQL."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from hub.clock import SystemClock
from hub.db.engine import open_database
from hub.db.probe import open_probe
from hub.ports import Database
from hub.scheduler.definition import instant
from hub.scheduler.materialize import TickSettings
from hub.scheduler.scheduler import Scheduler, SchedulerSettings

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PATIENCE = 45.0


class Rig:
    """`now` is what time it is; `woken` the queues that workers were woken for."""

    def __init__(self, url: str, database: Database) -> None:
        self.url = url
        self.database = database
        self.now = START
        self.woken: list[str] = []
        self.heard = asyncio.Event()
        self.scheduler = self.another()

    @property
    def sqlite(self) -> bool:
        return self.database.dialect == "sqlite"

    def another(
        self, *, real_time: bool = False, check_interval: float = 60.0, answer_within: float = 2.0, **settings: Any
    ) -> Scheduler:
        """A scheduler on the same database; its conditions have `answer_within` seconds."""
        return Scheduler(
            self.database,
            open_probe(self.url, limit=answer_within),
            self._wake,
            SystemClock(),
            SchedulerSettings(check_interval=check_interval, tick=TickSettings(**settings)),
            None if real_time else self._now,
        )

    async def _now(self) -> datetime:
        return self.now

    def _wake(self, queues: Iterable[str]) -> None:
        self.woken += queues
        self.heard.set()

    async def sql(self, statement: str, **values: Any) -> list[Any]:
        async with self.database.transaction() as connection:
            answer = await connection.execute(text(statement), values)
            return [row._mapping for row in answer] if answer.returns_rows else []

    async def add(self, job_id: str = "j", handler: str = "h", **columns: Any) -> str:
        """INSERT INTO jobs; times as datetimes."""
        values = {"id": job_id, "name": job_id, "handler": handler, **columns}
        names = ", ".join(map(self._name, values))
        marks = ", ".join(
            f"CAST(:{name} AS jsonb)" if name == "metadata" and self.database.dialect == "postgresql" else f":{name}"
            for name in values
        )
        await self.sql(f"INSERT INTO jobs ({names}) VALUES ({marks})", **{k: self._bind(v) for k, v in values.items()})
        return job_id

    async def change(self, job_id: str = "j", **columns: Any) -> None:
        sets = ", ".join(f"{self._name(name)} = :{name}" for name in columns)
        await self.sql(
            f"UPDATE jobs SET {sets} WHERE id = :id", id=job_id, **{k: self._bind(v) for k, v in columns.items()}
        )

    def _name(self, column: str) -> str:
        return f"`{column}`" if self.database.dialect == "mysql" else column  # condition is a word of its language

    def _bind(self, value: Any) -> Any:
        if isinstance(value, datetime) and self.sqlite:
            return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
        return value

    async def tick(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Let time pass, and the scheduler do all there is to do."""
        self.now += timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days)
        await self.do_all(self.scheduler)

    async def do_all(self, scheduler: Scheduler) -> None:
        async with asyncio.timeout(PATIENCE):
            while await scheduler.tick() <= 0.05:
                await scheduler.settled()
            await scheduler.settled()

    async def until_fired(self, *job_ids: str) -> None:
        """Wait until each of these schedules has made a row."""
        async with asyncio.timeout(PATIENCE):
            for job_id in job_ids:
                while True:
                    self.heard.clear()  # before the look: what comes during it is not missed
                    if await self.fires(job_id):
                        break
                    await self.heard.wait()

    async def row(self, job_id: str = "j") -> Any:
        (row,) = await self.sql("SELECT * FROM jobs WHERE id = :id", id=job_id)
        values = dict(row)
        for name in ("startat", "endat", "lastrunat", "nextrunat"):
            values[name] = instant(values[name])
        return values

    async def next(self, job_id: str = "j") -> datetime | None:
        at: datetime | None = (await self.row(job_id))["nextrunat"]
        return at

    async def fires(self, job_id: str = "j") -> list[Any]:
        """The rows that a schedule has made, in the order of their times."""
        return await self.sql(
            "SELECT * FROM queue_jobs WHERE source = :source ORDER BY dedupekey", source=f"schedule:{job_id}"
        )

    async def times(self, job_id: str = "j") -> list[str]:
        """The times they were made for: '03-01 12:05' in UTC."""
        return [row["dedupekey"][5:16].replace("T", " ") for row in await self.fires(job_id)]


@asynccontextmanager
async def rig_on(url: str) -> AsyncIterator[Rig]:
    database = open_database(url)
    await database.start()
    try:
        rig = Rig(url, database)
        await rig.sql("DELETE FROM jobs")
        yield rig
    finally:
        await database.stop()

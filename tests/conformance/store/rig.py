"""A store under test, with short words for what happens to a job, and SQL to look at it and to move time."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace
from sqlalchemy import text

from hub.clock import SystemClock
from hub.db.engine import open_database
from hub.db.sqlite.instants import from_text
from hub.model import Claim, Failure, NewJob, Settlement, Status
from hub.ports import Database, Statement
from hub.queue.claims import StoreSettings
from hub.queue.records import Records
from hub.queue.store import Store

PAST = datetime(2020, 1, 1, tzinfo=UTC)
FAR = datetime(2999, 1, 1, tzinfo=UTC)


class Handlers:
    """What a registry would tell the store."""

    def __init__(self, queues: Mapping[str, str] | None = None, retries: Mapping[str, int] | None = None) -> None:
        self._queues = dict(queues or {"mails": "critical", "with.dots": "external", 'with"quotes': "scheduled"})
        self._retries = dict(retries or {"stubborn": 7, "with.dots": 0})

    def queues(self) -> Mapping[str, str]:
        return self._queues

    def max_retries(self) -> Mapping[str, int]:
        return self._retries


class Rig:
    """`store` is the worker's, `other` that of a worker which comes after it or beside it."""

    def __init__(self, database: Database, *, run: int = 50) -> None:
        self.database = database
        self.clock = SystemClock()
        self.store = self.worker("w1", run=run)
        self.other = self.worker("w2", run=run)
        self.records = Records(database, self.store)

    @property
    def sqlite(self) -> bool:
        return self.database.dialect == "sqlite"

    @property
    def postgresql(self) -> bool:
        return self.database.dialect == "postgresql"

    @property
    def mysql(self) -> bool:
        return self.database.dialect == "mysql"

    def worker(self, owner: str, **settings: Any) -> Store:
        return Store(self.database, StoreSettings(owner=owner, **settings), Handlers())

    # --- rows -------------------------------------------------------------------------------------------------------

    def new(self, handler: str = "h", **fields: Any) -> NewJob:
        return NewJob(**{"id": self.clock.new_id(), "handler": handler, "queue": "default", **fields})

    async def add(self, *jobs: NewJob) -> list[str]:
        return [enqueued.id for enqueued in await self.store.enqueue(jobs)]

    async def sql(self, statement: str, **values: Any) -> list[Any]:
        async with self.database.transaction() as connection:
            answer = await connection.execute(text(statement), values)
            return [row._mapping for row in answer] if answer.returns_rows else []

    async def look(self, query: str) -> list[Any]:
        """The rows of a query without parameters, on a connection that is open already."""
        return await self.database.read(Statement("look", (query,), (), (), ()))

    async def job(self, job_id: str) -> Any:
        rows = await self.sql("SELECT * FROM queue_jobs WHERE id = :id", id=job_id)
        return rows[0] if rows else None

    async def status(self, *ids: str) -> list[int]:
        return [(await self.job(each))["statusid"] for each in ids]

    async def attempts(self, job_id: str) -> list[tuple[int, int]]:
        """(number, status) of the job's history rows, in the order in which they were written."""
        rows = await self.sql("SELECT * FROM job_histories WHERE jobid = :id ORDER BY createdon, id", id=job_id)
        return [(row["retryattempt"], row["statusid"]) for row in rows]

    async def history(self, job_id: str) -> Any:
        (row,) = await self.sql("SELECT * FROM job_histories WHERE jobid = :id", id=job_id)
        return row

    def instant(self, value: Any) -> datetime:
        """The value of a column of times."""
        if isinstance(value, str):
            return from_text(value)
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value

    # --- time -------------------------------------------------------------------------------------------------------

    async def due(self, *ids: str) -> dict[str, int]:
        """What waits for its time is due now: the hub looks; answers what was opened."""
        for each in ids:
            await self.sql("UPDATE queue_jobs SET scheduledat = :past WHERE id = :id", past=self.bind(PAST), id=each)
        return await self.store.promote()

    async def age(self, days: float, *ids: str) -> None:
        """Make jobs and their attempts so many days older than they are."""
        at = self.bind(datetime.now(UTC) - timedelta(days=days))
        for each in ids:
            await self.sql(
                "UPDATE queue_jobs SET createdon = :at, completedat = CASE WHEN completedat IS NULL THEN NULL "
                + ("ELSE CAST(:at AS timestamptz) END" if self.postgresql else "ELSE :at END")
                + " WHERE id = :id",
                at=at,
                id=each,
            )
            await self.sql("UPDATE job_histories SET startedat = :at WHERE jobid = :id", at=at, id=each)

    async def crash(self, *ids: str) -> None:
        """The worker that holds these jobs is gone, and its leases have run out; the other one looks after them."""
        for each in ids:
            await self.sql("UPDATE queue_jobs SET leaseuntil = :past WHERE id = :id", past=self.bind(PAST), id=each)

    def bind(self, at: datetime) -> Any:
        return at.strftime("%Y-%m-%dT%H:%M:%S.000Z") if self.sqlite else at

    # --- ends -------------------------------------------------------------------------------------------------------

    def end(self, claim: Claim, **fields: Any) -> Settlement:
        """A completion, unless `fields` say otherwise."""
        base = Settlement(
            id=claim.id, fence=claim.fence, result=None, executionid=self.clock.new_id(), duration=5,
            attempt=claim.attempt, priority=claim.priority, retrycount=claim.retrycount, orderingkey=claim.orderingkey,
        )  # fmt: skip
        return replace(base, **fields)

    async def complete(self, *claims: Claim) -> set[str]:
        return await self.store.complete([self.end(claim, result='"done"') for claim in claims])

    async def retry(self, claim: Claim, delay: float = 60.0) -> set[str]:
        """A failed attempt with retries left."""
        retry = self.end(
            claim, statusid=Status.RETRYING, delay=delay, priority=claim.priority - 1, retrycount=claim.retrycount + 1,
            lasterror="Oops: it broke\n  at line 1",
        )  # fmt: skip
        return await self.store.settle([retry])

    async def fail(self, claim: Claim, failure: Failure = Failure.EXHAUSTED) -> set[str]:
        return await self.store.settle(
            [self.end(claim, statusid=Status.FAILED, lasterror="Oops: it broke\n  at line 1", failure=failure)]
        )

    async def snooze(self, claim: Claim, delay: float | None, **fields: Any) -> set[str]:
        """Snoozed for `delay` seconds; None: given back at once."""
        return await self.store.settle(
            [self.end(claim, statusid=Status.QUEUED, executionid=None, delay=delay, **fields)]
        )

    async def take(self, limit: int = 100, queue: str = "default", store: Store | None = None) -> list[Claim]:
        return (await (store or self.store).claim(queue, limit)).claims

    async def taken(self, limit: int = 100, queue: str = "default") -> list[str]:
        return [claim.id for claim in await self.take(limit, queue)]

    async def one(self, **fields: Any) -> Claim:
        """A job that was enqueued and claimed."""
        (job_id,) = await self.add(self.new(**fields))
        (claim,) = [claim for claim in await self.take() if claim.id == job_id]
        return claim

    async def dead(self, *, failure: Failure = Failure.EXHAUSTED, **fields: Any) -> str:
        """A job that was run once and failed for good."""
        claim = await self.one(**fields)
        await self.fail(claim, failure)
        return claim.id


@asynccontextmanager
async def rig_on(url: str, **settings: Any) -> AsyncIterator[Rig]:
    database = open_database(url)
    await database.start()
    try:
        yield Rig(database, **settings)
    finally:
        await database.stop()


def ids(claims: Sequence[Claim]) -> list[str]:
    return [claim.id for claim in claims]

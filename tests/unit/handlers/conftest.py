"""A small home for handlers: claims, and an attempt whose transaction is SQLAlchemy's own on a database in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, cast

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from hub.clock import SystemClock
from hub.handlers.job import Job
from hub.handlers.registry import Registry
from hub.model import Claim, NewJob
from hub.ports import Attempt

BLANK: dict[str, Any] = {
    **dict.fromkeys(Claim.__struct_fields__),
    **dict.fromkeys(("priority", "retrycount", "crashcount", "attemptbase", "unknownfor"), 0),
    "id": "job-1",
    "fence": 1,
    "handler": "test",
    "queue": "default",
    "contenttype": "application/json",
    "payloadencoding": "text",
    "typeid": 2,
    "direction": "internal",
    "maxretries": 3,
}


def claim(payload: str | None = None, **columns: Any) -> Claim:
    return Claim(**{**BLANK, "payload": payload, **columns})


class LocalTransaction:
    """hub.ports.JobTransaction as far as a Job uses it."""

    def __init__(self, connection: AsyncConnection | None) -> None:
        self._connection = connection

    @property
    def connection(self) -> AsyncConnection:
        assert self._connection is not None, "this test has no database"
        return self._connection

    async def driver(self) -> Any:
        return (await self.connection.get_raw_connection()).driver_connection


class LocalAttempt:
    """hub.ports.Attempt: keeps what the job asks for."""

    def __init__(self, connection: AsyncConnection | None = None) -> None:
        self.transaction = LocalTransaction(connection)
        self.enqueued: list[NewJob] = []
        self.steps: dict[str, Any] = {}
        self.said: list[tuple[float, str | None]] = []

    def enqueue(self, job: NewJob) -> None:
        self.enqueued.append(job)

    async def step(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        if name not in self.steps:
            self.steps[name] = await call()
        return self.steps[name]

    def progress(self, share: float, note: str | None) -> None:
        self.said.append((share, note))


class Hub:
    """Runs handlers as the executor does: one transaction a job, committed when the handler returns."""

    def __init__(self, engine: AsyncEngine | None) -> None:
        self.engine = engine
        self.clock = SystemClock(seed=1)
        self.attempt = LocalAttempt()

    def job(self, payload: str | None = None, **columns: Any) -> Job:
        self.attempt = LocalAttempt()
        return Job(claim(payload, **columns), cast(Attempt, self.attempt), self.clock)

    async def call(self, function: Callable[..., Any], payload: str | None = None, **columns: Any) -> Any:
        """The result of the one handler `function`, run without a database."""
        [entry] = Registry().add(function)
        return await entry.call(self.job(payload, handler=entry.name, **columns))

    async def run(self, registry: Registry, handler: str, payload: str | None = None, **columns: Any) -> Any:
        """The result as it would stand in the row, run in a transaction of its own."""
        assert self.engine is not None
        entry = registry.get(handler)
        assert entry is not None, handler
        async with self.engine.begin() as connection:
            self.attempt = LocalAttempt(connection)
            job = Job(claim(payload, handler=handler, **columns), cast(Attempt, self.attempt), self.clock)
            return entry.encode_result(await entry.call(job))

    async def rows(self, sql: str) -> Sequence[Any]:
        assert self.engine is not None
        async with self.engine.connect() as connection:
            return [tuple(row) for row in await connection.exec_driver_sql(sql)]


@pytest.fixture
def hub() -> Hub:
    """Without a database."""
    return Hub(None)


@pytest.fixture
async def sqlite_hub() -> AsyncIterator[Hub]:
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
    yield Hub(engine)
    await engine.dispose()


@pytest.fixture
async def postgres_hub(postgres_url: str) -> AsyncIterator[Hub]:
    engine = create_async_engine(postgres_url.replace("postgresql://", "postgresql+asyncpg://", 1))
    yield Hub(engine)
    await engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_hub(request: pytest.FixtureRequest) -> Hub:
    """With each of the databases in turn."""
    found: Hub = request.getfixturevalue(f"{request.param}_hub")
    return found

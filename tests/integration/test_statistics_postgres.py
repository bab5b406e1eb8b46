"""A new database on PostgreSQL: the ends of jobs go by their index at once, without waiting for autovacuum."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from hub import handler
from hub.db.migrator import migrate
from hub.db.postgresql import statistics
from hub.db.postgresql.connections import connect
from hub.db.settings import DatabaseSettings
from hub.db.url import parse
from tests.conformance.engine.rig import running
from tests.servers import PostgresDatabases

pytestmark = pytest.mark.postgres

ROWS = "INSERT INTO queue_jobs (handler, payload, queue) SELECT 'rests', '{}', 'aside' FROM generate_series(1, 2000)"
KNOWN = "SELECT reltuples FROM pg_class WHERE relname = 'queue_jobs'"
ENDS = """
PREPARE ends (text[]) AS UPDATE queue_jobs j SET statusid = 3 FROM unnest($1) AS v (id)
WHERE j.id = v.id AND j.statusid = 2
"""


@pytest.fixture
async def connection(postgres_url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """As the hub's own are, with the plan that it ends up with."""
    await migrate(postgres_url)
    found = await connect(parse(postgres_url), DatabaseSettings())
    await found.execute("SET plan_cache_mode = force_generic_plan; SET client_min_messages = warning")
    yield found
    await found.close()


async def walks_all(connection: asyncpg.Connection[Any]) -> bool:
    """Whether the ends of jobs are written by looking at every job."""
    await connection.execute(ENDS)
    plan = "\n".join(row[0] for row in await connection.fetch("EXPLAIN EXECUTE ends (ARRAY['1', '2'])"))
    await connection.execute("DEALLOCATE ends")
    assert "queue_jobs" in plan
    return "Index Cond: ((id)::text = v.id)" not in plan


async def test_a_hub_that_runs_sees_to_it(postgres_url: str, connection: asyncpg.Connection[Any]) -> None:
    @handler("rests")
    async def rests() -> None: ...

    await connection.execute(ROWS)
    assert await walks_all(connection)  # the control: this is what is to be mended
    async with running(postgres_url, rests):
        async with asyncio.timeout(20):
            while await connection.fetchval(KNOWN) <= 0:  # noqa: ASYNC110 - only the catalog can tell
                await asyncio.sleep(0.05)
    assert not await walks_all(connection)


async def test_only_what_has_rows_and_no_statistics_is_analyzed(connection: asyncpg.Connection[Any]) -> None:
    assert await statistics.gather(connection) == []
    await connection.execute(ROWS)
    assert await statistics.gather(connection) == ["queue_jobs"]
    assert await statistics.gather(connection) == []


async def test_a_table_that_was_analyzed_while_it_was_empty_is_looked_at_again(
    connection: asyncpg.Connection[Any],
) -> None:
    await connection.execute("ANALYZE queue_jobs")
    await connection.execute(ROWS)
    assert await walks_all(connection)
    assert await statistics.gather(connection) == ["queue_jobs"]
    assert not await walks_all(connection)


async def test_what_belongs_to_somebody_else_is_left_to_them(
    postgres: PostgresDatabases, postgres_url: str, connection: asyncpg.Connection[Any]
) -> None:
    await connection.execute(ROWS)
    name = f"{postgres.unique_name()}_guest"
    await connection.execute(f"CREATE ROLE {name}; GRANT ALL ON queue_jobs TO {name}; SET ROLE {name}")
    try:
        assert await statistics.gather(connection) == []
    finally:
        await connection.execute(f"RESET ROLE; DROP OWNED BY {name}; DROP ROLE {name}")

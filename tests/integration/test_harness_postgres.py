"""The harness for applications' tests, on PostgreSQL."""

import asyncpg
import pytest
from sqlalchemy import text

from hub import Job, handler
from hub.testing import run_job, running_hub


@handler("test.double")
async def double(number: int) -> int:
    return 2 * number


@pytest.mark.postgres
async def test_a_hub_for_a_block(postgres_url: str) -> None:
    async with running_hub(handlers=[double], database=postgres_url) as hub:
        assert (await hub.outcome(await hub.enqueue(double, 3))).result == 6
        later = await hub.enqueue(double, 1, delay=3600)
        assert await hub.hurry() == 1
        assert (await hub.outcome(later)).result == 2
        await hub.drain()


@pytest.mark.postgres
async def test_a_job_run_to_its_end(postgres_url: str) -> None:
    @handler("test.flaky")
    async def flaky(failures: int, job: Job) -> int:
        if job.attempt < failures:
            raise RuntimeError("not yet")
        return job.attempt

    outcome = await run_job(flaky, 2, database=postgres_url)
    assert (outcome.status, outcome.result, len(outcome.attempts)) == ("completed", 2, 3)


@pytest.mark.postgres
async def test_what_a_database_presets_changes_no_statement_of_the_hub(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    name = f'"{await connection.fetchval("SELECT current_database()")}"'
    await connection.execute(f"ALTER DATABASE {name} SET standard_conforming_strings = off")
    await connection.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    await connection.close()

    @handler("test.level")
    async def level(job: Job) -> str:
        answer = await job.db.execute(text("SELECT current_setting('transaction_isolation')"))
        return str(answer.scalar_one())

    outcome = await run_job(level, database=postgres_url)
    assert (outcome.status, outcome.result) == ("completed", "read committed")

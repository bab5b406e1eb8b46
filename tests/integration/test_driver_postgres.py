"""The driver's own connection, on PostgreSQL: as quick as asyncpg, and still the job's transaction."""

import asyncpg
import pytest

from hub import Job, handler
from hub.model import Status
from tests.conformance.engine.rig import running

pytestmark = pytest.mark.postgres


@pytest.fixture
async def notes(postgres_url: str) -> str:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE TABLE notes (note text)")
    await connection.close()
    return postgres_url


async def rows(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return [row["note"] for row in await connection.fetch("SELECT note FROM notes ORDER BY note")]
    finally:
        await connection.close()


async def test_what_the_driver_writes_commits_with_the_job(notes: str) -> None:
    @handler("keeps", max_retries=0)
    async def keeps(payload: bool, job: Job) -> None:
        connection = await job.driver()
        await connection.execute("INSERT INTO notes VALUES ($1)", "kept" if payload else "undone")
        if not payload:
            raise ValueError("no")

    async with running(notes, keeps) as r:
        good = await r.enqueue("keeps", True)
        bad = await r.enqueue("keeps", False)
        assert (await r.until(good))["statusid"] == Status.COMPLETED
        assert (await r.until(bad))["statusid"] == Status.FAILED
    assert await rows(notes) == ["kept"]


@pytest.mark.parametrize("ending", ["COMMIT", "ROLLBACK", "COMMIT; BEGIN", "ROLLBACK; BEGIN"])
async def test_a_handler_that_ends_the_transaction_on_the_driver_is_found(notes: str, ending: str) -> None:
    @handler("ends")
    async def ends(job: Job) -> None:
        connection = await job.driver()
        await connection.execute("INSERT INTO notes VALUES ('before')")
        await connection.execute(ending)

    async with running(notes, ends) as r:
        row = await r.until(await r.enqueue("ends"))
        assert row["statusid"] == Status.FAILED
        assert row["failure"] == "permanent"
        assert "HandlerEndedTransaction" in row["lasterror"]

"""A whole hub fires what the table `jobs` and the configuration say."""

import asyncio
from typing import Any

import pytest

from hub import Job, handler
from hub.testing import HubHarness, running_hub

PATIENCE = 45.0


@handler("tick")
async def tick(job: Job) -> str:
    return str(job.metadata["scheduled_job_id"])


@pytest.fixture(params=["sqlite_url", "postgres_url", "mariadb_url"])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


async def ticks(harness: HubHarness) -> list[dict[str, Any]]:
    rows, _ = await harness.hub.records.jobs(status=3)
    return [row for row in rows if row["handler"] == "tick"]


async def test_rows_by_sql_and_of_the_configuration_fire_once_a_time(database_url: str) -> None:
    configuration = {
        "jobs": {"enabled": True, "scheduler_check_interval": 0.2, "poll_interval": "50ms"},
        "schedules": {"ours": {"handler": "tick", "interval": "1s", "max_executions": 2}},
    }
    async with running_hub(handlers=[tick], database=database_url, configuration=configuration) as harness:
        async with harness.hub.database.transaction() as connection:
            await connection.exec_driver_sql(
                "INSERT INTO jobs (id, name, handler, intervalseconds, maxexecutions) "
                "VALUES ('theirs', 'theirs', 'tick', 1, 2)"
            )
        async with asyncio.timeout(PATIENCE):
            while len(done := await ticks(harness)) < 4:  # noqa: ASYNC110 - nobody is told of jobs by the clock
                await asyncio.sleep(0.05)
        assert len({(job["source"], job["dedupekey"]) for job in done}) == 4
        assert {job["typeid"] for job in done} == {1}
        assert sorted(job["result"] for job in done).count('"theirs"') == 2
        assert (await harness.hub.health())["scheduler"]["running"] is True

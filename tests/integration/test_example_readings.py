"""examples/readings.py: many jobs in one commit, in the hub as it is, on each database."""

import pytest
from sqlalchemy import text

from hub.testing import HubHarness, running_hub


@pytest.fixture(params=["sqlite_url", "postgres_url", "mariadb_url"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


def reading(number: int, celsius: float = 20.0) -> dict[str, object]:
    return {"sensor": f"hall-{number % 3}", "celsius": celsius, "at": "2024-01-01T08:00:00Z"}


async def rows(hub: HubHarness, sql: str) -> list[tuple[object, ...]]:
    async with hub.hub.database.transaction() as connection:
        return [tuple(row) for row in await connection.execute(text(sql))]


async def test_every_reading_is_counted_once(url: str) -> None:
    async with running_hub(handlers=["examples.readings"], database=url) as hub:
        jobs = [await hub.enqueue("reading.count", reading(number)) for number in range(30)]
        await hub.drain()
        assert [(await hub.outcome(job)).status for job in jobs] == ["completed"] * 30
        assert await rows(hub, "SELECT sensor, readings FROM readings_counted ORDER BY sensor") == [
            ("hall-0", 10),
            ("hall-1", 10),
            ("hall-2", 10),
        ]


async def test_readings_are_stored_together_but_for_those_that_make_no_sense(url: str) -> None:
    async with running_hub(handlers=["examples.readings"], database=url) as hub:
        jobs = [await hub.enqueue("readings.store", reading(n, -300.0 if n == 7 else 20.0)) for n in range(30)]
        await hub.drain()
        failed = await hub.outcome(jobs[7])
        assert failed.status == "failed"
        assert "colder than it can be" in str(failed.error)
        stored = await rows(hub, "SELECT jobid FROM readings")
        assert {row[0] for row in stored} == set(jobs) - {jobs[7]}

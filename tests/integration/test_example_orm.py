"""examples/orm.py in the hub as it is, on each database."""

import pytest
from sqlalchemy import text

from hub.testing import running_hub


@pytest.fixture(params=["sqlite_url", "postgres_url", "mariadb_url"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


async def test_an_invoice_is_written_once_and_added_up(url: str) -> None:
    order = {"number": "A-7", "lines": {"bolt": 120, "nut": 80}}
    async with running_hub(handlers=["examples.orm"], database=url) as hub:
        first = await hub.enqueue("invoice.write", order)
        await hub.drain()
        second = await hub.enqueue("invoice.write", order)
        await hub.drain()
        assert [(await hub.outcome(job)).result for job in (first, second)] == ["written", "known"]
        async with hub.hub.database.transaction() as connection:
            lines = await connection.execute(text("SELECT text, cents FROM orm_lines ORDER BY id"))
            assert [tuple(row) for row in lines] == [("bolt", 120), ("nut", 80)]
            totals = await connection.execute(text("SELECT result FROM queue_jobs WHERE handler = 'invoice.total'"))
            assert [row[0] for row in totals] == ["200"]

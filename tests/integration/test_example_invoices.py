"""examples/invoices.py and examples/processes.json: threads, the process pool and several processes, as they are."""

import asyncio
import hashlib
import json
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from examples.invoices import ROUNDS
from hub.testing import running_hub
from tests.integration.cli_project import ROOT, CliProject

SEAL = hashlib.pbkdf2_hmac("sha256", b"R-7 12.50", b"seal", ROUNDS).hex()


@pytest.mark.parametrize("name", ["sqlite_url", "postgres_url", "mariadb_url"])
async def test_an_invoice_is_booked_sealed_and_kept(name: str, request: pytest.FixtureRequest) -> None:
    url: str = request.getfixturevalue(name)
    async with running_hub(handlers=["examples.invoices"], database=url) as hub:
        booked = await hub.outcome(await hub.enqueue("invoice.book", {"number": "R-7", "total": 12.5}), 30)
        assert booked.status == "completed"
        sealing = await hub.outcome(booked.result, 30)
        assert sealing.result == SEAL
        assert (await hub.outcome(sealing.enqueued[0].id, 30)).status == "completed"
        twice = await hub.outcome(await hub.enqueue("invoice.book", {"number": "R-8", "total": -1}), 30)
        assert (twice.status, len(twice.attempts)) == ("failed", 1)
        async with hub.hub.database.transaction() as connection:
            rows = await connection.execute(text("SELECT number, total, seal FROM bookings"))
            assert [tuple(row) for row in rows] == [("R-7", 12.5, SEAL)]


@pytest.mark.postgres
async def test_two_processes_run_it(tmp_path: Path, postgres_url: str) -> None:
    project = CliProject(tmp_path, postgres_url)
    document = json.loads((ROOT / "examples" / "processes.json").read_text())
    project.configure(**{**document, "http": {"port": 0}})
    running = await project.start("run", DATABASE_URL=postgres_url)
    try:
        await running.until("process=1")
        connection = await asyncpg.connect(postgres_url)
        try:
            for number in range(10):
                payload = json.dumps({"number": f"R-{number}", "total": number})
                await connection.execute(
                    "INSERT INTO queue_jobs (handler, payload) VALUES ('invoice.book', $1)", payload
                )
            async with asyncio.timeout(60):
                done = "SELECT count(*) FROM queue_jobs WHERE handler NOT LIKE 'system.%' AND statusid = 3"
                while await connection.fetchval(done) < 30:  # noqa: ASYNC110 - rows of other processes
                    await asyncio.sleep(0.05)
            assert await connection.fetchval("SELECT count(*) FROM bookings WHERE seal IS NOT NULL") == 10
        finally:
            await connection.close()
        running.process.terminate()
        assert await running.ended() == 0
    finally:
        await running.kill()

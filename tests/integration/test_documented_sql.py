"""The SQL that the documentation gives runs as it stands, with the databases' own clients."""

import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from hub.db.migrator import migrate

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "sql.md").read_text(encoding="utf-8")


def statements(*languages: str) -> list[str]:
    blocks = re.findall(rf"```(?:{'|'.join(languages)})\n(.*?)```", DOCUMENT, re.DOTALL)
    return [text.strip() for block in blocks for text in block.split(";\n") if text.strip()]


def psql(url: str, *arguments: str) -> str:
    client = shutil.which("psql")
    if client is None:
        pytest.skip("psql is not installed: apt-get install postgresql-client")
    done = subprocess.run(
        [client, url, "-v", "ON_ERROR_STOP=1", "-At", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_with_psql_on_the_files_of_the_migration(postgres_url: str) -> None:
    files = ROOT / "migrations"
    for _ in range(2):  # again, without harm
        psql(postgres_url, "-f", str(files / "job_tables_postgresql.sql"))
    for statement in statements("sql", "postgresql"):
        psql(postgres_url, "-c", statement)
    ids = psql(postgres_url, "-c", "SELECT id FROM jobs ORDER BY id").split()
    assert ids == [
        "daily-sales-report",
        "health-check",
        "job-cleanup-old-histories",
        "job-retry-failed-jobs",
        "monthly-cleanup",
    ]
    waiting = psql(
        postgres_url, "-c", "SELECT statusid, typeid, direction, contenttype, fence FROM queue_jobs ORDER BY seq"
    )
    assert waiting.splitlines() == ["0|2|internal|application/json|0"] * 2


async def test_hub_migrate_and_psql_agree(postgres_url: str) -> None:
    psql(postgres_url, "-f", str(ROOT / "migrations" / "job_tables_postgresql.sql"))
    await migrate(postgres_url)
    recorded = psql(postgres_url, "-c", "SELECT count(*) FROM hub_migrations WHERE checksum IS NULL")
    assert recorded.strip() == "0"


async def test_with_sqlite(sqlite_url: str) -> None:
    await migrate(sqlite_url)
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as shell:
        for statement in statements("sql", "sqlite"):
            shell.execute(statement).fetchall()
        assert shell.execute("SELECT count(*) FROM jobs WHERE type = 'interval' AND status = 'active'").fetchone() == (
            5,
        )
        assert shell.execute("SELECT count(*) FROM queue_jobs WHERE active = TRUE").fetchone() == (2,)
    shell.close()

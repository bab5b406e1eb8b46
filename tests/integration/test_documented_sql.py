"""The SQL that the documentation gives runs as it stands, with the databases' own clients."""

import asyncio
import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

from hub.db.migrator import migrate
from tests.integration.cli_project import CliProject

ROOT = Path(__file__).parents[2]
PATIENCE = 40.0
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
        env={**os.environ, "PGTZ": "UTC"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def mysql(url: str, statement: str) -> str:
    """The client as `mysql < FILE` runs it; cells are parted by `|`."""
    client = shutil.which("mysql") or shutil.which("mariadb")
    if client is None:
        pytest.skip("the mysql client is not installed: apt-get install mariadb-client")
    parts = urlsplit(url)
    address = [f"--host={parts.hostname}", f"--port={parts.port or 3306}", f"--user={unquote(parts.username or '')}"]
    secret = [f"--password={unquote(parts.password)}"] if parts.password else []
    done = subprocess.run(
        [client, "--no-defaults", *address, *secret, "--batch", "--skip-column-names", parts.path.lstrip("/")],
        input=statement,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.replace("\t", "|")


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
    assert waiting.splitlines() == [*["0|2|internal|application/json|0"] * 2, "0|2|outbound|application/json|0"]


async def test_hub_migrate_and_psql_agree(postgres_url: str) -> None:
    psql(postgres_url, "-f", str(ROOT / "migrations" / "job_tables_postgresql.sql"))
    await migrate(postgres_url)
    recorded = psql(postgres_url, "-c", "SELECT count(*) FROM hub_migrations WHERE checksum IS NULL")
    assert recorded.strip() == "0"


def test_with_mysql_on_the_files_of_the_migration(mariadb_url: str) -> None:
    whole = (ROOT / "migrations" / "job_tables_mysql.sql").read_text(encoding="utf-8")
    for mode in ("ANSI,NO_BACKSLASH_ESCAPES", ""):  # as a server may be set up; and again, without harm
        left = mysql(mariadb_url, f"SET SESSION sql_mode = '{mode}';\n{whole}\nSELECT @@SESSION.sql_mode = '' AS bare")
        assert left.split()[-1] == ("0" if mode else "1")
    for statement in statements("sql", "mysql"):
        mysql(mariadb_url, statement)
    ids = mysql(mariadb_url, "SELECT id FROM jobs ORDER BY id").split()
    assert ids == [
        "daily-sales-report",
        "health-check",
        "job-cleanup-old-histories",
        "job-retry-failed-jobs",
        "monthly-cleanup",
    ]
    waiting = mysql(mariadb_url, "SELECT statusid, typeid, direction, contenttype, fence FROM queue_jobs ORDER BY seq")
    assert waiting.splitlines() == [*["0|2|internal|application/json|0"] * 2, "0|2|outbound|application/json|0"]


async def test_hub_migrate_and_mysql_agree(mariadb_url: str) -> None:
    mysql(mariadb_url, (ROOT / "migrations" / "job_tables_mysql.sql").read_text(encoding="utf-8"))
    await migrate(mariadb_url)
    assert mysql(mariadb_url, "SELECT count(*) FROM hub_migrations WHERE checksum IS NULL").strip() == "0"


async def test_with_sqlite(sqlite_url: str) -> None:
    await migrate(sqlite_url)
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as shell:
        for statement in statements("sql", "sqlite"):
            shell.execute(statement).fetchall()
        assert shell.execute("SELECT count(*) FROM jobs WHERE type = 'interval' AND status = 'active'").fetchone() == (
            5,
        )
        assert shell.execute("SELECT count(*) FROM queue_jobs WHERE active = TRUE").fetchone() == (3,)
    shell.close()


class Site(NamedTuple):
    """A database under a running hub, and its own client."""

    project: CliProject
    ask: Callable[[str], str]
    later: str
    """An SQL expression: two seconds from now, in UTC."""
    seconds: str
    """An SQL expression over `queue_jobs`: how late a fire's row was made."""

    async def until(self, statement: str, answer: str) -> None:
        """Ask by the client until it answers this."""
        found = ""
        try:
            async with asyncio.timeout(PATIENCE):
                while (found := (await asyncio.to_thread(self.ask, statement)).strip()) != answer:  # noqa: ASYNC110 - the client is a process
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{statement}: {found!r} instead of {answer!r}") from None


@pytest.fixture(params=["postgresql", "mariadb"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """`hub run` as it is shipped, on a database that its client's user writes to."""
    due = "CAST(REPLACE(REPLACE(dedupekey, 'T', ' '), 'Z', '') AS {kind})"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
        ask = lambda statement: psql(url, "-c", statement)  # noqa: E731 - a client with its address
        later = "now() + interval '2 seconds'"
        seconds = f"extract(epoch FROM createdon - {due.format(kind='timestamp')} AT TIME ZONE 'UTC')"
    else:
        url = request.getfixturevalue("mariadb_url")
        ask = lambda statement: mysql(url, statement)  # noqa: E731 - a client with its address
        later = "UTC_TIMESTAMP(6) + INTERVAL 2 SECOND"
        seconds = f"TIMESTAMPDIFF(MICROSECOND, {due.format(kind='datetime(6)')}, createdon) / 1000000"
    project = CliProject(tmp_path, url)
    shipped = json.loads((ROOT / "config" / "configuration.json").read_text(encoding="utf-8"))
    project.configure(**{name: value for name, value in shipped.items() if name not in ("$schema", "database", "http")})
    project.configure(jobs={"scheduler_check_interval": 0.2, "poll_interval": "100ms"})
    running = await project.start("run", PYTHONPATH=str(ROOT))
    try:
        await running.until("ready", timeout=90)
        yield Site(project, ask, later, seconds)
    finally:
        await running.kill()


async def test_rows_by_sql_under_a_running_hub(site: Site) -> None:
    site.ask("DELETE FROM jobs")  # those that the migrations bring have times of their own
    await each_second(site)
    await the_documented_rows(site)


async def the_documented_rows(site: Site) -> None:
    """They are planned as they say, and fire on time."""
    begun = datetime.now(UTC)
    for statement in statements("sql"):
        if "INSERT INTO jobs" in statement:
            site.ask(statement)
    # Planned as they say: the next eight o'clock, the first of the next month, and five minutes from now.
    await site.until("SELECT count(*) FROM jobs WHERE nextrunat IS NULL", "0")
    stands = dict(line.split("|") for line in site.ask("SELECT id, nextrunat FROM jobs").splitlines())
    eight = begun.replace(hour=8, minute=0, second=0, microsecond=0)
    eight += timedelta(days=eight <= begun)
    first = (begun.replace(day=1) + timedelta(days=32)).replace(day=1)
    assert stands["daily-sales-report"].startswith(f"{eight:%Y-%m-%d %H:%M:%S}")
    assert stands["monthly-cleanup"].startswith(f"{first:%Y-%m-%d} 00:00:00")
    check = datetime.fromisoformat(stands["health-check"][:19]).replace(tzinfo=UTC)
    assert timedelta(seconds=298) <= check - begun <= timedelta(seconds=300 + PATIENCE)

    # Nobody waits for that here: a hand moves their times, by SQL.
    site.ask(f"UPDATE jobs SET nextrunat = {site.later}")
    made = "SELECT count(*) FROM queue_jobs WHERE typeid = 1 AND statusid = 3"
    await site.until(made, "3")
    late = [float(line) for line in site.ask(f"SELECT {site.seconds} FROM queue_jobs WHERE typeid = 1").split()]
    assert len(late) == 3
    assert all(0 <= each < 5 for each in late), late
    # What the documents watch with.
    for statement in statements("sql", *(("postgresql",) if "postgres" in site.project.url else ("mysql",))):
        if statement.startswith("SELECT jh.id"):
            assert len(site.ask(statement).splitlines()) == 3
        if statement.startswith("SELECT qj.handler"):
            assert sorted(line.split("|")[:4] for line in site.ask(statement).splitlines()) == [
                [name, "1", "1", "0"]
                for name in ("reports.daily.sales", "system.cleanup.monthly", "system.health.check")
            ]


async def each_second(site: Site) -> None:
    """Inserted by the client while the hub runs: five times fire, each once; then it is edited, and deleted."""
    site.ask(
        "INSERT INTO jobs (id, name, handler, cronexpression, maxexecutions)"
        " VALUES ('s', 's', 'system.record', '* * * * * *', 5)"
    )
    await site.until("SELECT count(*) FROM queue_jobs WHERE source = 'schedule:s' AND statusid = 3", "5")
    keys = site.ask("SELECT dedupekey FROM queue_jobs WHERE source = 'schedule:s' ORDER BY dedupekey").split()
    times = [datetime.fromisoformat(key) for key in keys]
    assert all(each.microsecond == 0 for each in times)
    assert len(set(times)) == 5
    await site.until("SELECT status FROM jobs WHERE id = 's'", "completed")
    # An edit is seen at once, and a deletion too.
    site.ask("UPDATE jobs SET executioncount = 0, maxexecutions = 1 WHERE id = 's'")
    await site.until("SELECT count(*) FROM queue_jobs WHERE source = 'schedule:s' AND statusid = 3", "6")
    site.ask("DELETE FROM job_histories")
    site.ask("DELETE FROM queue_jobs")
    site.ask("DELETE FROM jobs WHERE id = 's'")
    await site.until("SELECT count(*) FROM job_plans WHERE jobid = 's'", "0")

"""`hub migrate` on a real PostgreSQL: from nothing, again, at the same time, and where something is wrong."""

import asyncio
import logging
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from hub.db.migrator import migrate, pending_sql, require_current, status
from hub.errors import DatabaseUnavailable, MigrationError
from tests.servers import PostgresService

pytestmark = pytest.mark.postgres


@pytest.fixture
async def admin(postgres_url: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


async def test_from_nothing_and_again(postgres_url: str, admin: "asyncpg.Connection[Any]") -> None:
    with pytest.raises(MigrationError, match="run `hub migrate`"):
        await require_current(postgres_url)
    applied = await migrate(postgres_url)
    assert [state.version for state in applied] == [state.version for state in await status(postgres_url)]
    assert all(state.checksum_ok and state.applied_at for state in applied)
    assert await admin.fetchval("SELECT count(*) FROM queue_jobs") == 0
    assert await migrate(postgres_url) == []
    await require_current(postgres_url)


async def test_two_processes_at_once(postgres_url: str) -> None:
    program = f"import asyncio; from hub.db.migrator import migrate; print(len(asyncio.run(migrate({postgres_url!r}))))"
    both = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
        for _ in range(2)
    ]
    answers = [int((await each.communicate())[0]) for each in both]
    assert sorted(answers) == [0, len(await status(postgres_url))]


async def test_a_second_one_waits_and_says_so(
    postgres_url: str, admin: "asyncpg.Connection[Any]", caplog: pytest.LogCaptureFixture
) -> None:
    await migrate(postgres_url)
    row = "SELECT objid::bigint | classid::bigint << 32 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    key = await _key_of_the_lock(postgres_url, admin)
    await admin.execute("SELECT pg_advisory_lock($1)", key)
    with caplog.at_level(logging.WARNING, logger="hub.db"):
        waiting = asyncio.create_task(migrate(postgres_url))
        async with asyncio.timeout(30):
            while await admin.fetchval(row) is None:  # until the server itself reports the wait
                assert not waiting.done()
    assert "is being migrated by somebody else" in caplog.text
    await admin.execute("SELECT pg_advisory_unlock($1)", key)
    assert await waiting == []


async def _key_of_the_lock(url: str, admin: "asyncpg.Connection[Any]") -> int:
    from hub.db.postgresql.migration import PostgresTarget
    from hub.db.url import parse

    async with PostgresTarget.open(parse(url), locked=True):
        key: int = await admin.fetchval(
            "SELECT classid::bigint << 32 | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted"
        )
    return key


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
async def test_what_was_run_by_psql_is_recognised(postgres_url: str) -> None:
    for _ in range(2):
        done = subprocess.run(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", postgres_url],
            input=pending_sql("postgresql"),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
    assert {state.checksum_ok for state in await status(postgres_url)} == {None}
    assert await migrate(postgres_url) == []
    assert {state.checksum_ok for state in await status(postgres_url)} == {True}


async def test_a_file_changed_after_it_was_applied_is_named(
    postgres_url: str, admin: "asyncpg.Connection[Any]"
) -> None:
    await migrate(postgres_url)
    await admin.execute("UPDATE hub_migrations SET checksum = 'something else' WHERE version = 1")
    assert (await status(postgres_url))[0].checksum_ok is False
    with pytest.raises(MigrationError, match=r"0001_queue\.sql was changed"):
        await migrate(postgres_url)


async def test_a_newer_database_is_left_alone(postgres_url: str, admin: "asyncpg.Connection[Any]") -> None:
    await migrate(postgres_url)
    await admin.execute("INSERT INTO hub_migrations (version, name) VALUES (9001, 'future')")
    for ask in (migrate, require_current):
        with pytest.raises(MigrationError, match="newer than this hub"):
            await ask(postgres_url)


async def test_a_failing_file_leaves_nothing(postgres_url: str, admin: "asyncpg.Connection[Any]") -> None:
    await admin.execute("CREATE TABLE job_histories (something text)")  # an index of the file does not fit this
    with pytest.raises(MigrationError, match=r"0001_queue\.sql failed"):
        await migrate(postgres_url)
    assert await admin.fetchval("SELECT to_regclass('queue_jobs')") is None


async def test_who_may_make_no_tables_is_told_what_to_grant(own_postgres: PostgresService) -> None:
    url = own_postgres.create_database("shop")
    own_postgres.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database="shop")  # as it is since 15
    own_postgres.execute("CREATE ROLE app LOGIN")
    with pytest.raises(MigrationError, match=r"permission denied for schema public; .*GRANT CREATE ON SCHEMA public"):
        await migrate(url.replace("postgres@", "app@"))


async def test_a_server_that_is_not_there() -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        await migrate("postgresql://hub:s3cret@127.0.0.1:1/hub")
    assert "s3cret" not in str(caught.value)

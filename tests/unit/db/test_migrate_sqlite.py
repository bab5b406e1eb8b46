"""`hub migrate` on SQLite: from nothing, again, at the same time, and where something is wrong."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from hub.db.migrator import migrate, pending_sql, require_current, status
from hub.db.sqlite.migration import statements
from hub.errors import DatabaseUnavailable, MigrationError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "hub.db"


@pytest.fixture
def url(file: Path) -> str:
    return f"sqlite:///{file}"


def query(file: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(file)
    try:
        with connection:
            return connection.execute(sql).fetchall()
    finally:
        connection.close()


async def test_from_nothing_and_again(url: str, file: Path) -> None:
    applied = await migrate(url)
    assert [state.version for state in applied] == [state.version for state in await status(url)]
    assert all(state.checksum_ok and state.applied_at for state in applied)
    assert query(file, "SELECT count(*) FROM queue_jobs") == [(0,)]
    assert await migrate(url) == []
    await require_current(url)


async def test_a_question_does_not_make_the_file(url: str, file: Path) -> None:
    assert [state.applied_at for state in await status(url)] == [None] * len(await status(url))
    assert not file.parent.exists()
    with pytest.raises(MigrationError, match="run `hub migrate`"):
        await require_current(url)


async def test_a_file_that_cannot_be_read_is_named(url: str, file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"this is no database, however long it is" * 100)
    with pytest.raises(
        DatabaseUnavailable, match=r"cannot read .*hub\.db: SQLite: file is not a database; it is damaged"
    ):
        await require_current(url)


async def test_several_at_once_apply_each_file_once(url: str) -> None:
    answers = await asyncio.gather(*(migrate(url) for _ in range(4)))
    assert sorted(len(applied) for applied in answers)[:3] == [0, 0, 0]
    assert max(len(applied) for applied in answers) == len(await status(url))


async def test_two_processes_at_once(url: str) -> None:
    program = f"import asyncio; from hub.db.migrator import migrate; print(len(asyncio.run(migrate({url!r}))))"
    both = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
        for _ in range(2)
    ]
    answers = [int((await each.communicate())[0]) for each in both]
    assert sorted(answers) == [0, len(await status(url))]


async def test_what_was_run_by_the_shell_is_recognised(url: str, file: Path) -> None:
    file.parent.mkdir()
    connection = sqlite3.connect(file)
    connection.executescript(pending_sql("sqlite"))
    with pytest.raises(sqlite3.OperationalError, match="duplicate column name"):
        connection.executescript(pending_sql("sqlite"))
    connection.close()
    assert {state.checksum_ok for state in await status(url)} == {None}
    assert await migrate(url) == []
    assert {state.checksum_ok for state in await status(url)} == {True}


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the sqlite3 shell is not installed")
async def test_the_shell_runs_the_file(url: str, file: Path) -> None:
    file.parent.mkdir()
    for errors in ("", "duplicate column name"):  # SQLite cannot be told to add a column only where it is missing
        done = subprocess.run(
            ["sqlite3", "-bail", str(file)], input=pending_sql("sqlite"), capture_output=True, text=True, timeout=30
        )
        assert errors in done.stderr
        assert bool(done.stderr) is bool(errors)
    assert await migrate(url) == []


async def test_a_file_changed_after_it_was_applied_is_named(url: str, file: Path) -> None:
    await migrate(url)
    query(file, "UPDATE hub_migrations SET checksum = 'something else' WHERE version = 1")
    assert (await status(url))[0].checksum_ok is False
    with pytest.raises(MigrationError, match=r"0001_queue\.sql was changed"):
        await migrate(url)


async def test_a_newer_database_is_left_alone(url: str, file: Path) -> None:
    await migrate(url)
    query(file, "INSERT INTO hub_migrations (version, name) VALUES (9001, 'future')")
    for ask in (migrate, require_current):
        with pytest.raises(MigrationError, match="newer than this hub"):
            await ask(url)


async def test_a_failing_file_leaves_nothing(url: str, file: Path) -> None:
    file.parent.mkdir()
    query(file, "CREATE TABLE job_histories (something TEXT)")  # an index of the file does not fit this
    with pytest.raises(MigrationError, match=r"0001_queue\.sql failed"):
        await migrate(url)
    assert query(file, "SELECT name FROM sqlite_schema WHERE name = 'queue_jobs'") == []


def test_statements_are_cut_where_they_end() -> None:
    sql = """-- a remark; with a semicolon
    BEGIN IMMEDIATE;
    CREATE TABLE t (a TEXT DEFAULT ';'); -- more; remarks
    CREATE TRIGGER r AFTER INSERT ON t BEGIN
        UPDATE t SET a = 1;
    END;
    COMMIT;
    """
    assert [statement.split()[1] for statement in statements(sql)] == ["TABLE", "TRIGGER"]

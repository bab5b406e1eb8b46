"""SQLite as a hub.ports.Database: runs, reads, errors, times, the file and its lock."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from hub.db.sqlite import SqliteDatabase
from hub.db.sqlite.connect import check_version
from hub.db.sqlite.instants import NOW, from_text, to_text
from hub.errors import AlreadyExists, DatabaseUnavailable, Rejected, TransactionConflict
from tests.unit.db.notes import Notes, Open, sql

# --- run and read ----------------------------------------------------------------------------------------------------


async def test_the_answer_is_that_of_the_last_text_by_name_and_by_position(database: SqliteDatabase) -> None:
    rows = await database.run(sql("INSERT INTO notes (body) VALUES (:body)", "SELECT id, body FROM notes"), body="a")
    assert (rows[0]["body"], rows[0][1], list(rows[0])) == ("a", "a", [1, "a"])


async def test_a_batch_is_one_transaction(notes: Notes) -> None:
    with pytest.raises(AlreadyExists):
        await notes.database.run(notes.ADD, [("a",), ("b",), ("a",)])
    assert await notes.bodies() == []
    assert len(await notes.database.run(notes.ADD, [("a",), ("b",)])) == 2
    assert await notes.bodies() == ["a", "b"]


async def test_an_empty_batch_is_allowed(notes: Notes) -> None:
    assert await notes.database.run(notes.ADD) == []


async def test_several_texts_are_one_transaction(notes: Notes) -> None:
    with pytest.raises(Rejected):
        await notes.database.run(
            sql("INSERT INTO notes (body) VALUES ('a')", "INSERT INTO notes (id, body) VALUES ('no number', 'b')")
        )
    assert await notes.bodies() == []


async def test_reading_does_not_wait_for_a_writer_and_sees_what_is_committed(notes: Notes) -> None:
    job = notes.database.begin_job("writer")
    await job.connection.execute(text("INSERT INTO notes (body) VALUES ('open')"))
    assert await asyncio.wait_for(notes.bodies(), 30) == []
    await job.rollback()


async def test_a_read_of_several_texts_is_one_snapshot_and_leaves_no_transaction(notes: Notes) -> None:
    for _ in range(10):
        assert len(await notes.database.read(sql("SELECT 1", "SELECT body FROM notes"))) == 0
    await notes.database.run(notes.ADD, [("a",)])
    assert await notes.bodies() == ["a"]


async def test_reading_cannot_write(notes: Notes) -> None:
    with pytest.raises(DatabaseUnavailable, match="readonly"):
        await notes.database.read(sql("DELETE FROM notes"))


async def test_a_transaction_commits_at_its_end_or_not_at_all(notes: Notes) -> None:
    async with notes.database.transaction() as connection:
        await connection.execute(text("INSERT INTO notes (body) VALUES ('kept')"))
    with pytest.raises(IntegrityError):
        await _insert_in_one_transaction(notes, "undone", "kept")
    assert await notes.bodies() == ["kept"]
    await notes.database.run(notes.ADD, [("the turn went on",)])


async def _insert_in_one_transaction(notes: Notes, *bodies: str) -> None:
    async with notes.database.transaction() as connection:
        for body in bodies:
            await connection.execute(text("INSERT INTO notes (body) VALUES (:body)"), {"body": body})


async def test_sqlalchemy_reflects_and_streams(database: SqliteDatabase) -> None:
    async with database.transaction() as connection:
        columns = await connection.run_sync(lambda sync: inspect(sync).get_columns("notes"))
        streamed = await connection.stream(text("SELECT value FROM json_each('[1, 2, 3]')"))
        assert [row[0] async for row in streamed] == [1, 2, 3]
        many = [{"body": "a"}, {"body": "b"}]
        assert (await connection.execute(text("INSERT INTO notes (body) VALUES (:body)"), many)).rowcount == 2
    assert [column["name"] for column in columns] == ["id", "body", "at"]


async def test_apart_works_in_another_thread_while_this_loop_is_blocked(notes: Notes) -> None:
    done = threading.Event()

    async def elsewhere() -> None:
        async with notes.database.apart() as runner:
            await runner.run(notes.ADD, [("from elsewhere",)])
        done.set()

    thread = threading.Thread(target=lambda: asyncio.run(elsewhere()))
    thread.start()
    assert done.wait(10)  # blocks this loop on purpose
    thread.join()
    assert await notes.bodies() == ["from elsewhere"]


async def test_many_at_once_all_arrive(notes: Notes) -> None:
    await asyncio.gather(*(notes.database.run(notes.ADD, [(f"n{number}",)]) for number in range(100)))
    assert len(await notes.bodies()) == 100


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("INSERT INTO strict (name) VALUES ('taken')", AlreadyExists),
        ("INSERT INTO strict (id, name) VALUES (1, 'other')", AlreadyExists),
        ("INSERT INTO strict (name) VALUES (NULL)", Rejected),
        ("INSERT INTO strict (name, number) VALUES ('x', -1)", Rejected),
        ("INSERT INTO strict (name, number) VALUES ('x', 'many')", Rejected),
        ("INSERT INTO strict (name, parent) VALUES ('x', 99)", Rejected),
        ("SELECT '{' ->> 'a'", Rejected),
    ],
)
async def test_errors_speak_the_hubs_words(statement: str, error: type[Exception], database: SqliteDatabase) -> None:
    await database.run(
        sql(
            "CREATE TABLE strict (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
            "number INTEGER CHECK (number > 0), parent INTEGER REFERENCES strict (id)) STRICT",
            "INSERT INTO strict (id, name) VALUES (1, 'taken')",
        )
    )
    with pytest.raises(error):
        await database.run(sql(statement))
    job = database.begin_job("j")
    with pytest.raises(error):
        await job.run(sql(statement))
    await job.rollback()


@pytest.mark.parametrize("value", [2**70, "\ud800", object()])
async def test_values_that_cannot_be_stored_are_rejected(value: object, notes: Notes) -> None:
    with pytest.raises(Rejected):
        await notes.database.run(sql("INSERT INTO notes (body) VALUES (:body)"), body=value)
    await notes.database.run(notes.ADD, [("next",)])


@pytest.mark.parametrize("value", ["\ud800", object()])
async def test_nor_in_a_batch(value: object, notes: Notes) -> None:
    with pytest.raises(Rejected):
        await notes.database.run(notes.ADD, [(value,)])


async def test_a_file_locked_by_another_program_is_a_conflict(notes: Notes, file: Path) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    await notes.database._writer._thread.run(_short_of_patience)
    with pytest.raises(TransactionConflict):
        await notes.database.run(notes.ADD, [("a",)])
    other.execute("ROLLBACK")
    await notes.database.run(notes.ADD, [("a",)])
    other.close()


def _short_of_patience(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA busy_timeout = 10")


# --- time ------------------------------------------------------------------------------------------------------------


def test_one_form_whose_order_is_the_order_in_time() -> None:
    moment = datetime(2026, 1, 31, 9, 5, tzinfo=UTC)
    assert to_text(moment) == "2026-01-31T09:05:00.000Z"
    assert to_text(moment.astimezone(timezone(timedelta(hours=5)))) == to_text(moment)
    assert to_text(moment.replace(tzinfo=None)) == to_text(moment)
    assert to_text(moment.replace(microsecond=123999)) == "2026-01-31T09:05:00.123Z"
    steps = [moment + timedelta(milliseconds=7 * number) for number in range(300)]
    assert sorted(map(to_text, steps)) == list(map(to_text, steps))


@pytest.mark.parametrize("text", ["2026-01-31T09:05:00.000Z", "2026-01-31 09:05", "2026-01-31T11:05:00+02:00"])
def test_every_form_is_read(text: str) -> None:
    assert from_text(text) == datetime(2026, 1, 31, 9, 5, tzinfo=UTC)


async def test_datetimes_become_that_form_wherever_they_are_bound(notes: Notes) -> None:
    moment = datetime(2026, 1, 31, 10, 5, tzinfo=timezone(timedelta(hours=1)))
    expected = "2026-01-31T09:05:00.000Z"
    assert (await notes.database.run(sql("SELECT :at"), at=moment))[0][0] == expected
    assert (await notes.database.run(sql("-- columns: at\nSELECT value ->> 0 FROM json_each(:rows)"), [(moment,)]))[0][
        0
    ] == expected
    async with notes.database.transaction() as connection:
        assert await connection.scalar(text("SELECT :at"), {"at": moment}) == expected
        assert await connection.scalar(text("SELECT :at"), {"at": date(2026, 1, 31)}) == "2026-01-31"
    assert to_text(from_text((await notes.database.read(sql(f"SELECT {NOW}")))[0][0])) > expected


# --- the file --------------------------------------------------------------------------------------------------------


async def test_the_settings_that_make_it_durable(database: SqliteDatabase) -> None:
    settings = {
        name: (await database.run(sql(f"PRAGMA {name}")))[0][0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


async def test_a_second_hub_is_told_who_holds_the_file(database: SqliteDatabase, opened: Open, file: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match=rf"process {os.getpid()} runs a hub on .*hub\.db"):
        await opened().start()
    program = (
        "import asyncio; from hub.db.engine import open_database; "
        f"asyncio.run(open_database('sqlite:///{file}').start())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert f"process {os.getpid()} runs a hub on" in done.stderr
    other = file.with_name("other.db")
    other.symlink_to(file.name)
    with pytest.raises(DatabaseUnavailable, match=rf"process {os.getpid()} runs a hub on .*other\.db"):
        await opened(other).start()


async def test_the_lock_is_free_after_stop_and_after_a_failed_start(opened: Open, file: Path) -> None:
    first, second = opened(), opened()
    await first.start()
    await first.stop()
    await first.stop()
    await second.start()
    await second.stop()
    file.write_bytes(b"this is no database, however long it is" * 100)
    with pytest.raises(DatabaseUnavailable, match="not a database"):
        await opened().start()
    file.unlink()
    await opened().start()


async def test_commands_do_not_ask_for_the_lock(notes: Notes, opened: Open, file: Path) -> None:
    command = opened(exclusive=False)
    await command.start()
    await command.run(notes.ADD, [("from a command",)])
    with sqlite3.connect(file) as shell:
        shell.execute("INSERT INTO notes (body) VALUES ('from a shell')")
    shell.close()
    assert await notes.bodies() == ["from a command", "from a shell"]


@pytest.mark.parametrize("name", ["hub.db", "hub.db-wal"])
async def test_nothing_is_written_to_a_file_that_was_taken_away(
    name: str, notes: Notes, opened: Open, file: Path
) -> None:
    await notes.database.stop()  # a file that is new has no log yet as it is opened
    notes = Notes(opened())
    await notes.database.start()
    taken, away = file.with_name(name), file.with_name("away")
    taken.rename(away)
    job = notes.database.begin_job("j")
    with pytest.raises(DatabaseUnavailable, match=f"{name} was deleted, moved or replaced"):
        await job.run(notes.ADD, [("lost with the file",)])
    await job.rollback()
    taken.write_bytes(away.read_bytes())  # a backup that is put in its place
    with pytest.raises(DatabaseUnavailable, match=f"{name} was deleted, moved or replaced.*take the old -wal and -shm"):
        await notes.database.run(notes.ADD, [("lost with the file",)])
    away.replace(taken)
    await notes.database.run(notes.ADD, [("it is back",)])
    assert await notes.bodies() == ["it is back"]


async def test_a_damaged_file_is_told_with_what_to_do(opened: Open, file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"a file of another program" * 100)
    with pytest.raises(DatabaseUnavailable, match="not a database; it is damaged, or the file of another program"):
        await opened().start()


async def test_a_log_that_a_reader_keeps_growing_is_told_once(
    notes: Notes, file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("hub.db.sqlite.database._LARGE_LOG", 1024 * 1024)
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM notes").fetchall()
        for number in range(3):
            await notes.database.run(notes.ADD, [(f"{number}" * 2**20,)])
            await notes.database.tend()
    assert len(caplog.messages) == 1
    assert "hub.db-wal has grown to 2 MB" in caplog.messages[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_that_cannot_be_made(opened: Open, tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(DatabaseUnavailable, match="cannot make the folder"):
        await opened(tmp_path / "no" / "hub.db").start()


async def test_a_path_that_is_a_folder(opened: Open, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="unable to open"):
        await opened(tmp_path).start()


async def test_stopping_without_a_start_and_using_before_and_after_it(opened: Open) -> None:
    database = opened()
    for _ in range(2):
        job = database.begin_job("j")
        for use in (database.run, database.read, job.run):
            with pytest.raises(DatabaseUnavailable, match="not open"):
                await use(sql("SELECT 1"))
        await job.rollback()
        await database.stop()


async def test_stopping_finishes_what_was_submitted_and_undoes_what_is_open(notes: Notes, file: Path) -> None:
    job = notes.database.begin_job("open")
    await job.connection.execute(text("INSERT INTO notes (body) VALUES ('open')"))
    await job.rollback()
    submitted = asyncio.create_task(notes.database.run(notes.ADD, [("submitted",)]))
    await asyncio.sleep(0)
    left = notes.database.begin_job("left open")
    await left.connection.execute(text("INSERT INTO notes (body) VALUES ('left open')"))
    await notes.database.stop()
    await submitted
    with sqlite3.connect(file) as shell:
        assert shell.execute("SELECT body FROM notes").fetchall() == [("submitted",)]
    shell.close()


def test_an_old_library_is_told_apart() -> None:
    check_version()
    with pytest.raises(DatabaseUnavailable, match=r"SQLite 3\.38\.0 or newer is needed.*3\.37\.2"):
        check_version((3, 37, 2))

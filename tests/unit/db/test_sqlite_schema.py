"""The schema on SQLite as programs without the hub meet it: plain INSERTs, their defaults, and what is turned away."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.db.migrations import whole
from hub.db.sqlite.instants import from_text


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "hub.db", isolation_level=None)
    connection.executescript(whole("sqlite"))
    connection.execute("PRAGMA foreign_keys = ON")
    yield connection
    connection.close()


def test_a_plain_row_gets_its_defaults(shell: sqlite3.Connection) -> None:
    shell.execute("INSERT INTO queue_jobs (handler, payload) VALUES ('order.processing', '{}')")
    columns = "typeid, direction, protocol, priority, queue, contenttype, maxretries, statusid, fence, gate, active"
    assert shell.execute(f"SELECT {columns} FROM queue_jobs WHERE active = TRUE").fetchall() == [
        (2, "internal", None, 0, None, "application/json", None, 0, 0, 0, 1)
    ]
    (createdon,) = shell.execute("SELECT createdon FROM queue_jobs").fetchone()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", createdon)


def test_ids_are_uuids_of_version_7_that_carry_the_time(shell: sqlite3.Connection) -> None:
    shell.execute("INSERT INTO queue_jobs (handler) SELECT 'h' FROM json_each(json_array(1, 2, 3, 4, 5, 6, 7, 8))")
    rows = shell.execute("SELECT id, createdon FROM queue_jobs").fetchall()
    assert len({identifier for identifier, _ in rows}) == 8
    for identifier, createdon in rows:
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", identifier)
        made = int(identifier[:8] + identifier[9:13], 16) / 1000
        assert abs(made - from_text(createdon).timestamp()) < 0.1


def test_arrival_is_never_used_twice(shell: sqlite3.Connection) -> None:
    shell.execute("INSERT INTO queue_jobs (handler) VALUES ('a'), ('b')")
    shell.execute("DELETE FROM queue_jobs")
    shell.execute("INSERT INTO queue_jobs (handler) VALUES ('c')")
    assert shell.execute("SELECT seq FROM queue_jobs").fetchall() == [(3,)]


@pytest.mark.parametrize(
    "written", ["2026-01-31 09:05:00", "2026-01-31T09:05", "2026-01-31T11:05:00+02:00", "2026-01-31T09:05:00.000Z"]
)
def test_times_in_any_form_are_kept_in_one(written: str, shell: sqlite3.Connection) -> None:
    kept = "2026-01-31T09:05:00.000Z"
    shell.execute("INSERT INTO queue_jobs (handler, scheduledat) VALUES ('h', ?)", (written,))
    shell.execute("INSERT INTO queue_jobs (handler) VALUES ('later')")
    shell.execute("UPDATE queue_jobs SET scheduledat = ? WHERE handler = 'later'", (written,))
    assert shell.execute("SELECT scheduledat FROM queue_jobs").fetchall() == [(kept,), (kept,)]
    shell.execute("INSERT INTO jobs (name, handler, startat, nextrunat) VALUES ('j', 'h', ?, ?)", (written, written))
    shell.execute("UPDATE jobs SET endat = ? WHERE name = 'j'", (written,))
    assert shell.execute("SELECT startat, endat, nextrunat, lastrunat FROM jobs WHERE name = 'j'").fetchall() == [
        (kept, kept, kept, None)
    ]


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("handler", "NULL"),
        ("handler, scheduledat", "'h', 'tomorrow'"),
        ("handler, metadata", "'h', '{'"),
        ("handler, statusid", "'h', 8"),
        ("handler, statusid", "'h', 'abc'"),
        ("handler, priority", "'h', 'high'"),
        ("handler, maxretries", "'h', -1"),
        ("handler, timeout", "'h', 0"),
        ("handler, active", "'h', 2"),
        ("handler, payloadencoding", "'h', 'gzip'"),
        ("handler, payload", "'h', x'00'"),
        ("handler", f"'{'h' * 256}'"),
        ("id, handler", "'same', 'h'"),
    ],
)
def test_rows_that_do_not_fit_are_turned_away(columns: str, values: str, shell: sqlite3.Connection) -> None:
    shell.execute("INSERT INTO queue_jobs (id, handler) VALUES ('same', 'h')")
    with pytest.raises(sqlite3.IntegrityError):
        shell.execute(f"INSERT INTO queue_jobs ({columns}) VALUES ({values})")


def test_a_message_is_one_row_and_a_key_has_one_owner(shell: sqlite3.Connection) -> None:
    shell.execute("INSERT INTO queue_jobs (handler, source, dedupekey) VALUES ('h', 'r', 'k'), ('h', 'other', 'k')")
    shell.execute("INSERT INTO queue_jobs (handler, source) VALUES ('h', 'r'), ('h', 'r')")
    with pytest.raises(sqlite3.IntegrityError):
        shell.execute("INSERT INTO queue_jobs (handler, source, dedupekey) VALUES ('h', 'r', 'k')")
    shell.execute("UPDATE queue_jobs SET keyslot = 'a' WHERE seq = 1")
    with pytest.raises(sqlite3.IntegrityError):
        shell.execute("UPDATE queue_jobs SET keyslot = 'a' WHERE seq = 2")


def test_the_words_of_a_schedule_follow_its_columns(shell: sqlite3.Connection) -> None:
    shell.execute("INSERT INTO jobs (id, name, handler, maxexecutions) VALUES ('once', 'once', 'h', 1)")

    def words(change: str = "name = name") -> tuple[str, str]:
        shell.execute(f"UPDATE jobs SET {change} WHERE id = 'once'")
        found: tuple[str, str] = shell.execute("SELECT type, status FROM jobs WHERE id = 'once'").fetchone()
        return found

    assert words() == ("scheduled", "active")
    assert words("intervalseconds = 60") == ("interval", "active")
    assert words("executioncount = 1") == ("interval", "completed")
    assert words("enabled = FALSE") == ("interval", "paused")
    assert words("is_deleted = TRUE") == ("interval", "deleted")


def test_histories_and_steps_go_with_their_job(shell: sqlite3.Connection) -> None:
    shell.execute("INSERT INTO queue_jobs (id, handler) VALUES ('j', 'h')")
    shell.execute("INSERT INTO job_histories (jobid, statusid) VALUES ('j', 3)")
    shell.execute("INSERT INTO job_steps (jobid, name) VALUES ('j', 'charge')")
    with pytest.raises(sqlite3.IntegrityError):
        shell.execute("INSERT INTO job_histories (jobid, statusid) VALUES ('nobody', 3)")
    shell.execute("DELETE FROM queue_jobs")
    assert shell.execute("SELECT count(*) FROM job_histories").fetchone() == (0,)
    assert shell.execute("SELECT count(*) FROM job_steps").fetchone() == (0,)

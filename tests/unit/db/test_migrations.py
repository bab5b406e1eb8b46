"""Migration files as values: their order, their checksums, the shipped wholes, and that the dialects agree."""

import re
from pathlib import Path

import pytest

from hub.db.migrations import Migration, migrations, read, whole
from hub.errors import MigrationError

ROOT = Path(__file__).parents[3] / "migrations"


def checksum(sql: str) -> str:
    return Migration(1, "x", sql).checksum


PLAIN = "CREATE TABLE t (a text DEFAULT 'x -- y', b int);"


@pytest.mark.parametrize(
    "same",
    [
        f"{PLAIN}\n\n",
        f"-- a remark\n{PLAIN} -- another",
        "CREATE   TABLE\tt (a text DEFAULT 'x -- y',\n    b int);",
        "CREATE TABLE t (a text DEFAULT 'x -- y', -- why\n b /* and\n how */ int);",
    ],
)
def test_comments_and_blanks_do_not_count(same: str) -> None:
    assert checksum(same) == checksum(PLAIN)


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.replace("x --", "x  --"),  # inside of a text they do
        PLAIN.replace(" -- y", ""),
        PLAIN.replace("int", "text"),
    ],
)
def test_everything_else_counts(other: str) -> None:
    assert checksum(other) != checksum(PLAIN)


def test_function_bodies_count_whole() -> None:
    assert checksum("AS $$ SELECT 1 $$;") != checksum("AS $$ SELECT  1 $$;")
    assert checksum("AS $x$ it's $x$; -- done") == checksum("AS $x$ it's $x$;")


def test_files_come_in_order_and_without_gaps(tmp_path: Path) -> None:
    (tmp_path / "0002_more.sql").write_text("SELECT 2;")
    (tmp_path / "0001_first.sql").write_bytes(b"SELECT\r\n1;")
    (tmp_path / "README.md").write_text("not SQL")
    found = read(tmp_path)
    assert [(each.version, each.name, each.file) for each in found] == [
        (1, "first", "0001_first.sql"),
        (2, "more", "0002_more.sql"),
    ]
    assert found[0].sql == "SELECT\n1;"
    (tmp_path / "0004_late.sql").write_text("SELECT 4;")
    with pytest.raises(MigrationError, match="0003 is missing"):
        read(tmp_path)


def test_a_file_of_another_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "fix.sql").write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=r"fix\.sql"):
        read(tmp_path)


def test_a_dialect_without_migrations_is_told() -> None:
    with pytest.raises(MigrationError, match="does not run on oracle"):
        migrations("oracle")


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "sqlite"])
def test_the_whole_in_the_repository_is_current(dialect: str) -> None:
    """Made anew by `python scripts/whole_migrations.py`."""
    assert (ROOT / f"job_tables_{dialect}.sql").read_text(encoding="utf-8").endswith(whole(dialect))


def columns(dialect: str) -> dict[str, list[str]]:
    """Table → the names of its columns in order, out of the text of its CREATE TABLE."""
    text = re.sub(r"--[^\n]*", "", whole(dialect))
    tables = re.findall(r"CREATE TABLE IF NOT EXISTS (\w+) \((.*?)\n\)", text, re.DOTALL)
    indent = r"^    (\w+)\s+(?!KEY)\w"  # a column begins a line of its own; PRIMARY KEY (…) is none
    return {name: re.findall(indent, body, re.MULTILINE) for name, body in tables}


def test_the_dialects_have_the_same_tables_columns_and_indexes() -> None:
    postgresql, sqlite = columns("postgresql"), columns("sqlite")
    assert len(postgresql["queue_jobs"]) > 40
    assert postgresql == sqlite
    indexes = r"INDEX IF NOT EXISTS (\w+) ON (\w+)"
    assert re.findall(indexes, whole("postgresql")) == re.findall(indexes, whole("sqlite"))

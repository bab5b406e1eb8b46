"""What holds for every statement on MariaDB and MySQL."""

import re
from pathlib import Path

import pytest

HUB = Path(__file__).parents[3] / "hub"
FILES = sorted(HUB.glob("*/sql/mysql/*.sql"))
_TEXT_COLUMN = re.compile(
    r"\b(?:longtext|varchar\(\d+\)|text|char\(\d+\))\s+(?!CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH)"
)


def test_every_statement_of_another_dialect_is_there() -> None:
    there = {path.relative_to(HUB).as_posix().replace("/mysql/", "/*/") for path in FILES}
    assert there == {
        path.relative_to(HUB).as_posix().replace("/sqlite/", "/*/") for path in HUB.glob("*/sql/sqlite/*.sql")
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parts[-4]}-{path.stem}")
def test_texts_taken_from_json_say_their_character_set(path: Path) -> None:
    """Otherwise they have that of the database, and what it does not hold is lost without a word."""
    assert _TEXT_COLUMN.findall(_sql(path)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parts[-4]}-{path.stem}")
def test_nothing_is_used_that_only_one_of_the_two_knows(path: Path) -> None:
    assert re.findall(r"\b(?:RETURNING|IGNORE|LATERAL|VALUES\(|seq_\d)", _sql(path), re.IGNORECASE) == []


def test_what_reads_a_json_table_says_to_mysql_which_table_it_locks() -> None:
    """MySQL would lock the array too, which it refuses (error 3569). MariaDB knows no OF, and skips such a comment."""
    texts = [text for path in FILES for text in path.read_text(encoding="utf-8").split("\n----\n")]
    locking = [text for text in texts if "JSON_TABLE" in text and "FOR UPDATE" in text]
    assert len(locking) > 10
    assert [text for text in locking if not re.search(r"FOR UPDATE /\*!80000 OF \w+(?:, \w+)* \*/", text)] == []


def _sql(path: Path) -> str:
    return re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))

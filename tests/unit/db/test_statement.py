"""Statements out of .sql files."""

import pytest

from hub.db.statement import compile_statement

TWO = """
-- What it is for: a comment, with a :name and a ' in it.
-- columns: id fence
UPDATE t SET a = :now WHERE id = :id AND b = 'x' AND c::text = :now;
----
SELECT 1 FROM json_each(:rows)
"""


def test_a_named_dialect_keeps_names_and_texts() -> None:
    statement = compile_statement("two", TWO, positional=False)
    assert [text.split()[0] for text in statement.texts] == ["UPDATE", "SELECT"]
    assert statement.columns == ("id", "fence")
    assert statement.scalars == ("now",)
    assert "comment" not in statement.texts[0]


def test_a_positional_dialect_gets_numbers_in_the_order_of_first_use() -> None:
    statement = compile_statement("one", "SELECT :a, :b::text, :a, x::int", positional=True)
    assert statement.texts == ("SELECT $1, $2::text, $1, x::int",)
    assert statement.order == ("a", "b")


def test_a_positional_dialect_takes_one_statement() -> None:
    with pytest.raises(ValueError, match=r"two\.sql holds 2 statements"):
        compile_statement("two", TWO, positional=True)


def test_a_batch_may_be_one_array_of_rows() -> None:
    text = "-- columns: id, fence\nSELECT id FROM unnest(:rows::pair[]) WHERE fence > :least::bigint"
    statement = compile_statement("rows", text, positional=True)
    assert statement.order == ("rows", "least")
    assert (statement.columns, statement.scalars) == (("id", "fence"), ("least",))

"""Statements of the hub on a sqlite3 connection: the texts in order, the batch as JSON, the rows of the last.

Invariant: values are bound, never written into a text.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hub.db.sqlite.instants import batch, bindable
from hub.errors import Rejected
from hub.ports import Row, Rows, Statement

_encode = msgspec.json.Encoder().encode
# SQLite takes JSON text apart as C strings: it would cut the value there without a word.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def parameters(statement: Statement, rows: Rows, scalars: Mapping[str, Any]) -> dict[str, Any]:
    """The named parameters of a run; raises Rejected for a value that JSON cannot hold."""
    named: dict[str, Any] = dict(bindable(scalars))
    if rows or statement.columns:
        try:
            named["rows"] = _encode(batch(rows)).decode()
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise Rejected(f"a value of {statement.name} cannot be stored: {error}") from error
        if "\\u0000" in named["rows"] and _NUL.search(named["rows"]):
            raise Rejected(f"a value of {statement.name} cannot be stored: text with U+0000")
    return named


def execute(connection: sqlite3.Connection, statement: Statement, named: Mapping[str, Any]) -> list[Row]:
    """Run the texts in the transaction that is open; the rows of the last one."""
    answer: list[Row] = []
    for text in statement.texts:
        cursor = connection.cursor()
        cursor.row_factory = sqlite3.Row
        answer = cursor.execute(text, named).fetchall()
    return answer


def execute_behind(
    connection: sqlite3.Connection, calls: Sequence[tuple[Statement, Mapping[str, Any]]]
) -> list[Row] | None:
    """Run statements in the transaction that is open; None, with nothing run behind it, if the first finds no row."""
    (guard, named), *work = calls
    answer = execute(connection, guard, named)
    if not answer:
        return None
    for statement, given in work:
        answer = execute(connection, statement, given)
    return answer if work else []


def read(connection: sqlite3.Connection, statement: Statement, named: Mapping[str, Any]) -> list[Row]:
    """Run the texts as one snapshot on a connection that is in no transaction."""
    if len(statement.texts) == 1:
        return execute(connection, statement, named)
    connection.execute("BEGIN")
    try:
        return execute(connection, statement, named)
    finally:
        connection.rollback()

"""Statements of the hub on an asyncmy connection: the texts in order, the batch as JSON, rows by position and name.

Invariant: a value enters a text through the driver's own escaping alone. A statement that the server could only cut off
(larger than its `max_allowed_packet`) is never sent.

MySQL has neither RETURNING nor updates in a CTE, so that an operation is several texts. What one of them finds the
others are given: `:found` is the list of what stood in the first column of the last rows (for IN), `:foundrows` those
rows whole and `:firstrows` the first ones there were, as JSON. A text that answers rows and finds none ends the run:
there is nothing to do. The answer is the last rows there were. `:twice` is `:limit` doubled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, ClassVar, SupportsIndex, cast

import msgspec

from hub.db.mysql.instants import utc_text
from hub.errors import Rejected
from hub.ports import Rows, Statement

_encode = msgspec.json.Encoder().encode
_NAME = re.compile(r"%\(([a-z_]+)\)s")
# Other databases refuse it, and what one takes all must take.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class Row(tuple[Any, ...]):
    """One row: by position, by name, iterable."""

    __slots__ = ()
    places: ClassVar[Mapping[str, int]] = {}

    def __getitem__(self, key: Any) -> Any:
        return tuple.__getitem__(self, self.places[key] if type(key) is str else cast(SupportsIndex, key))

    def keys(self) -> Sequence[str]:
        return tuple(self.places)


@lru_cache(maxsize=512)
def _row_type(names: tuple[str, ...]) -> type[Row]:
    places = {name: place for place, name in enumerate(names)}
    return type("Row", (Row,), {"__slots__": (), "places": places})


@lru_cache(maxsize=512)
def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_NAME.findall(text)))


@lru_cache(maxsize=512)
def _passes_rows(statement: Statement) -> bool:
    return "foundrows" in statement.order or "firstrows" in statement.order


def parameters(statement: Statement, rows: Rows, scalars: Mapping[str, Any]) -> dict[str, Any]:
    """The named parameters of a run; raises Rejected for a value that cannot be stored."""
    named = {name: _bindable(value) for name, value in scalars.items()}
    if rows or statement.columns:
        try:
            text = _encode([[_bindable(value) for value in row] for row in rows]).decode()
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise Rejected(f"a value of {statement.name} cannot be stored: {error}") from error
        if "\\u0000" in text and _NUL.search(text):
            raise Rejected(f"a value of {statement.name} cannot be stored: text with U+0000")
        named["rows"] = text
    if "twice" in statement.order:
        named["twice"] = 2 * named["limit"]
    return named


def compose(connection: Any, text: str, named: Mapping[str, Any], limit: int) -> str:
    """A text with its values, escaped by the driver; raises Rejected if it is larger than the server takes."""
    sql: str = connection.cursor().mogrify(text, {name: named[name] for name in _names(text)})
    if len(sql) * 4 >= limit and len(sql.encode()) >= limit:
        raise Rejected(f"{len(sql)} characters of SQL are more than the server's max_allowed_packet of {limit} bytes")
    return sql


async def execute(connection: Any, statement: Statement, named: dict[str, Any], limit: int) -> list[Row]:
    """Run the texts in the transaction that is open; see the module for what they see of each other."""
    answer: list[Row] = []
    cursor = connection.cursor()
    for text in statement.texts:
        await cursor.execute(compose(connection, text, named, limit))
        if cursor.description is None:
            continue
        kind = _row_type(tuple(column[0] for column in cursor.description))
        answer = [kind(row) for row in await cursor.fetchall()]
        if not answer:
            break
        named["found"] = tuple(row[0] for row in answer)
        if _passes_rows(statement):
            named["foundrows"] = _encode([tuple(row) for row in answer]).decode()
            named.setdefault("firstrows", named["foundrows"])
    return answer


def _bindable(value: Any) -> Any:
    if isinstance(value, str):
        if "\0" in value:
            raise Rejected("text with U+0000 cannot be stored")
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise Rejected(f"text that is not Unicode cannot be stored: {error.reason}") from error
        return value
    if isinstance(value, datetime):
        return utc_text(value)
    return value.isoformat() if isinstance(value, date) else value

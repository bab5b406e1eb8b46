"""The one place where values become SQL text: the finish that travels with its COMMIT in one trip.

A COMMIT can only ride along in a simple query, which takes no parameters. So the values are written as literals that
hold nothing but digits and hexadecimal: no text of a message is ever part of the SQL.
"""

from __future__ import annotations

from collections.abc import Iterable


def literal(value: str | int | bool | None) -> str:
    """SQL for one value: NULL, a number, TRUE/FALSE, or text as the UTF-8 decoding of its hexadecimal bytes.

    Raises TypeError for any other type and ValueError for text that PostgreSQL cannot hold (U+0000, lone surrogates).
    """
    if value is None:
        return "NULL"
    if value is True or value is False:
        return "TRUE" if value else "FALSE"
    if type(value) is int or isinstance(value, int):
        return str(int(value))
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("text with U+0000 cannot be stored")
        return f"convert_from('\\x{value.encode('utf-8').hex()}','UTF8')"
    raise TypeError(f"no literal for a {type(value).__name__}")


def arguments(values: Iterable[str | int | bool | None]) -> str:
    """The values as the argument list of an EXECUTE."""
    return ",".join(map(literal, values))

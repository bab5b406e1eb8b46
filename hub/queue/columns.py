"""Columns as people and programs see them, whatever SQL has put there.

Invariant: nothing here raises: what cannot be read is shown as it stands, so that it can be seen, and mended.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hub.db.sqlite.instants import from_text


def instant(value: Any) -> Any:
    """A time with zone UTC; the text itself where it is none that a datetime can be. SQLite keeps times as text."""
    if not isinstance(value, str):
        return value
    try:
        return from_text(value)
    except (ValueError, OverflowError):
        return value


def parsed(text: str | None) -> Any:
    """What JSON says; the text itself where no program can read it (1e999, a deep nest)."""
    try:
        return None if text is None else msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text

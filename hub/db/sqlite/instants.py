"""Points in time as SQLite keeps them: one text form, so that the order of the texts is the order in time.

Invariant: whatever the hub writes is `2026-01-31T09:05:00.000Z`: UTC, milliseconds, 24 characters. SQL makes the same
with `NOW`; parameters that are datetimes become it in `bindable`. Rows written by hand may hold other forms
(`2026-01-31 09:05:00`, with `+02:00`, without seconds), which as texts would compare wrong: a statement that compares a
column people write into normalises it, `strftime('%Y-%m-%dT%H:%M:%fZ', scheduledat)`, and a zone-less text is UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
"""The SQL expression for this moment, which is the same throughout one statement."""


def to_text(instant: datetime) -> str:
    """The one text form; a datetime without a zone is taken for UTC."""
    if instant.tzinfo is not None:
        instant = instant.astimezone(UTC).replace(tzinfo=None)
    return instant.isoformat(timespec="milliseconds") + "Z"


def from_text(text: str) -> datetime:
    """The instant, with zone UTC, that a column holds in whatever form ISO 8601 allows; raises ValueError."""
    instant = datetime.fromisoformat(text.strip())
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def bindable(parameters: Any) -> Any:
    """Parameters of one execution (positional or named) with datetimes as text; the same object if there is none."""
    if isinstance(parameters, Mapping):
        if not any(isinstance(value, date) for value in parameters.values()):
            return parameters
        return {name: _bindable(value) for name, value in parameters.items()}
    if not any(isinstance(value, date) for value in parameters):
        return parameters
    return tuple(_bindable(value) for value in parameters)


def batch(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """The rows of a batch ready for JSON: datetimes in the one form, where a JSON encoder would choose its own."""
    return [[_bindable(value) if isinstance(value, date) else value for value in row] for row in rows]


def _bindable(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_text(value)
    return value.isoformat() if isinstance(value, date) else value

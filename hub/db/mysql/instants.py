"""Points in time as MariaDB and MySQL keep them: DATETIME(6), which knows no zone and is UTC by agreement."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_text(instant: datetime) -> str:
    """The text of a DATETIME(6); a datetime without a zone is taken for UTC."""
    if instant.tzinfo is not None:
        instant = instant.astimezone(UTC).replace(tzinfo=None)
    return instant.isoformat(" ", "microseconds")


def from_server(text: str) -> datetime | str:
    """A DATETIME as it comes from the server; '0000-00-00', which one with another sql_mode may hold, as it is."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return text

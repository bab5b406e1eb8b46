"""Query parameters: each known by name, given once, and of its kind.

Invariant: whatever a query string holds, reading it ends in values that fit the database or in a 422 naming the
parameter.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from aiohttp import web

from hub.adapters.http.answers import HttpFault
from hub.handlers.keys import is_unicode
from hub.model import Status

LIMIT_DEFAULT = 50
LIMIT_MOST = 200
_TEXT_MOST = 255
_CURSOR_MOST = 1000
_WORDS = {status.word: status for status in Status}


class Query:
    """The parameters of a request. Raises HttpFault 422 for one that is not among `known`, or stands twice."""

    def __init__(self, request: web.Request, known: Collection[str]) -> None:
        self._values: dict[str, str] = {}
        for name, value in request.query.items():
            if name not in known:
                raise invalid(name, f"unknown parameter; known are {', '.join(sorted(known))}")
            if name in self._values:
                raise invalid(name, "given twice")
            self._values[name] = value

    def text(self, name: str, most: int = _TEXT_MOST) -> str | None:
        value = self._values.get(name)
        if value is None:
            return None
        if not fits(value, most):
            raise invalid(name, f"a text of 1 to {most} characters, without U+0000")
        return value

    def cursor(self) -> str | None:
        """Where to go on: what `next` of the last answer said."""
        return self.text("cursor", _CURSOR_MOST)

    def limit(self) -> int:
        value = self._values.get("limit")
        if value is None:
            return LIMIT_DEFAULT
        if not (value.isascii() and value.isdigit() and len(value) <= 12 and 1 <= int(value) <= LIMIT_MOST):
            raise invalid("limit", f"a whole number from 1 to {LIMIT_MOST}")
        return int(value)

    def instant(self, name: str) -> datetime | None:
        """An RFC 3339 time; without a zone it is UTC."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            # "+" in a query string is a space
            found = datetime.fromisoformat(value.replace(" ", "+") if "T" in value else value)
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, OverflowError):
            raise invalid(name, 'a time like "2026-01-31T08:00:00Z"') from None

    def status(self) -> Status | None:
        value = self._values.get("status")
        if value is None:
            return None
        if value not in _WORDS:
            raise invalid("status", f"one of {', '.join(_WORDS)}")
        return _WORDS[value]


def fits(text: str, most: int = _TEXT_MOST) -> bool:
    """Whether a text can be a value of a column that long."""
    return 0 < len(text) <= most and "\0" not in text and is_unicode(text)


def identifier(request: web.Request) -> str:
    """The id in the URL: opaque text. Raises HttpFault 404 for one that no row can have."""
    found = request.match_info["id"]
    if not fits(found):
        raise no_job(found)
    return found


def no_job(id: str) -> HttpFault:
    return HttpFault(404, "not-found", f"there is no job {id[:_TEXT_MOST]!r}")


def invalid(field: str, detail: str) -> HttpFault:
    return HttpFault(422, "invalid", f"{field}: {detail}", field=field)

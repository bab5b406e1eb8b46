"""What options accept, from their text to a value.

Invariant: a text that cannot be understood is told with the option's name and an example of what can.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import typer

from hub.clock import SystemClock

_T = TypeVar("_T")
_MADE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
INT_MOST = 2**31 - 1
"""The largest number of the database's columns."""


class Names(tuple[str, ...]):
    """Names that stood in one text, separated by commas."""


class JsonObject(dict[str, object]):
    """A JSON object that stood in a text; the help shows a type by its name."""


def names(text: str) -> Names:
    """`a,b, c` as names."""
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise typer.BadParameter('names separated by commas, like "default,critical"')
    return Names(found)


def whole(least: int, most: int) -> Callable[[str], int]:
    """Whole numbers within these bounds."""

    def number(text: str) -> int:
        # A default is a number already. More digits than these Python would not even read.
        if re.fullmatch(r"-?[0-9]{1,18}", str(text)) and least <= int(text) <= most:
            return int(text)
        raise typer.BadParameter(f"{str(text)!r} is no whole number from {least} to {most}")

    number.__name__ = "integer"  # the help's word for what the option takes
    return number


def made_by_hub(id: str) -> bool:
    """Whether an id is of the hub's making: then it is a place in a list even if its row has been deleted since."""
    return _MADE.fullmatch(id) is not None


def no_cursor(text: str) -> typer.BadParameter:
    """For a --cursor that is no place in its list."""
    return typer.BadParameter(
        f"{text!r} is no place in this list: take what the last page showed behind --cursor, or leave it out",
        param_hint="'--cursor'",
    )


def duration(text: str) -> float:
    """Seconds: a number of them, or text as in the configuration."""
    from hub.config.faults import Invalid
    from hub.config.values import seconds

    try:
        return seconds(float(text) if text.replace(".", "", 1).isdecimal() else text)
    except Invalid as error:
        raise typer.BadParameter(f"{error}; write it like 500ms, 30s, 5m, 2h, 7d") from None


def positive_duration(text: str) -> float:
    """As `duration`, and more than 0."""
    if (found := duration(text)) > 0:
        return found
    raise typer.BadParameter("must be longer than 0")


def instant(text: str) -> datetime:
    """A time; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no time; write it like 2026-01-31T08:00:00Z") from None


def past(text: str) -> datetime:
    """A time, or how long ago it was."""
    if text[:1].isdecimal() and text[-1:].isalpha() and "T" not in text:
        return SystemClock().now() - timedelta(seconds=duration(text))
    try:
        return instant(text)
    except typer.BadParameter:
        raise typer.BadParameter(
            f"{text!r} is neither a length of time like 30m, 2h, 7d, nor a time like 2026-01-31T08:00:00Z"
        ) from None


def status(text: str) -> int:
    """A status by its word."""
    from hub.model import Status

    return _known("status", text, {each.word: each.value for each in Status})


def workflow_status(text: str) -> str:
    """A status of workflows by its word."""
    from hub.workflows.control import STATUSES

    return _known("status", text, {each: each for each in STATUSES})


def role(text: str) -> str:
    """A role of callers."""
    from hub.db.tokens import ROLES

    return _known("role", text, {each: each for each in ROLES})


def failure(text: str) -> str:
    """A reason why jobs fail, by its word."""
    from hub.model import Failure

    return _known("reason", text, {each.value: each.value for each in Failure})


def _known(what: str, text: str, words: Mapping[str, _T]) -> _T:
    from hub.config.faults import did_you_mean

    if text.lower() in words:
        return words[text.lower()]
    raise typer.BadParameter(
        f"there is no {what} {text!r}: {did_you_mean(text, words) or 'choose from ' + ', '.join(words)}"
    )


def named(text: str) -> tuple[str, str]:
    """NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise typer.BadParameter(f"{text!r}: write it as NAME=VALUE", param_hint="--header")
    return name.strip(), value


def json_object(text: str) -> JsonObject:
    """A JSON object."""
    import msgspec

    try:
        return JsonObject(msgspec.json.decode(text, type=dict[str, object]))
    except msgspec.DecodeError as error:
        raise typer.BadParameter(f"expected a JSON object: {error}") from None

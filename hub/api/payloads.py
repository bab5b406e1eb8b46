"""Request bodies: strict JSON into a declared type, or a 400 or 422 that names the field.

Invariant: unknown members are refused, at every depth that a type describes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from hub.adapters.http.answers import HttpFault
from hub.adapters.http.body import read_body
from hub.api.query import invalid
from hub.config.sections.server import Http
from hub.errors import PayloadInvalid, Rejected
from hub.handlers.payload import Encoded, NotJson, encode, storable_json
from hub.ingest.decode import MALFORMED, parse_json

T = TypeVar("T")

_ENDS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))

_PLACE = re.compile(r"^(?P<text>.*?)(?: - at `(?P<path>.*)`)?$", re.DOTALL)
_NAMED = re.compile(r"(?:unknown|required) field `(?P<name>[^`]*)`")


async def read_json(request: web.Request, http: Http) -> Any:
    """The body as a JSON value. Raises HttpFault."""
    body = await read_body(request, http.max_body, http.request_timeout)
    try:
        value, _ = parse_json(body, http.max_depth)
    except Rejected as error:
        if error.code == MALFORMED:
            raise HttpFault(400, error.code, str(error)) from error
        field = _with_nul(body)
        why = str(error).rpartition("cannot be kept: ")[2]
        raise HttpFault(422, error.code, f"{field or 'the body'}: {why}", field=field) from error
    return value


def _with_nul(body: bytes) -> str | None:
    """The path of the first text with U+0000 in a body that was refused; None for one refused for another reason."""
    try:
        steps = _to_nul(msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf")))
    except (msgspec.DecodeError, RecursionError):
        return None
    return "".join(reversed(steps or ())).removeprefix(".") or None


def _to_nul(value: Any) -> list[str] | None:
    """The steps from the first text with U+0000 up to `value`."""
    if isinstance(value, str):
        return [] if "\0" in value else None
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        if isinstance(name, str) and "\0" in name:
            return []
        if (steps := _to_nul(item)) is not None:
            steps.append(f".{name}" if isinstance(name, str) else f"[{name}]")
            return steps
    return None


def convert(value: Any, kind: type[T]) -> T:
    """`value` as `kind`. Raises HttpFault 422 with the path of the field."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _fault(str(error)) from error


def _fault(message: str) -> HttpFault:
    found = _PLACE.match(message)
    text, path = (found["text"], found["path"] or "") if found else (message, "")
    field = path.removeprefix("$").removeprefix(".").removesuffix("[...]")
    if named := _NAMED.search(text):
        field = f"{field}.{named['name']}" if field else named["name"]
    text = text[:1].lower() + text[1:]
    return HttpFault(422, "invalid", f"{field}: {text}" if field else text, field=field or None)


def encoded(value: Any, field: str = "payload") -> Encoded:
    """A payload's columns. Raises HttpFault 422."""
    try:
        return encode(value)
    except PayloadInvalid as error:
        raise HttpFault(422, error.code, str(error), field=field) from error


def metadata_json(value: dict[str, Any], field: str = "metadata") -> str:
    try:
        return storable_json(value)
    except NotJson as error:
        raise invalid(field, str(error)) from error


def in_utc(value: datetime | None, field: str) -> datetime | None:
    try:
        return None if value is None else value.astimezone(UTC)
    except OverflowError:
        raise invalid(field, "outside the calendar") from None


def due(value: datetime | None, field: str) -> datetime | None:
    """When a job is due. Raises HttpFault 422 also for the ends of the calendar, which mean infinity to PostgreSQL's
    driver: other languages write a time that is not set as the first."""
    found = in_utc(value, field)
    if found in _ENDS:
        raise invalid(field, "outside the calendar")
    return found

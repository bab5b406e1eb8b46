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

_PLACE = re.compile(r"^(?P<text>.*?)(?: - at `(?P<path>.*)`)?$", re.DOTALL)
_NAMED = re.compile(r"(?:unknown|required) field `(?P<name>[^`]*)`")


async def read_json(request: web.Request, http: Http) -> Any:
    """The body as a JSON value. Raises HttpFault."""
    body = await read_body(request, http.max_body, http.request_timeout)
    try:
        value, _ = parse_json(body, http.max_depth)
    except Rejected as error:
        raise HttpFault(400 if error.code == MALFORMED else 422, error.code, str(error)) from error
    return value


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

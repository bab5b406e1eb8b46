"""A message's bytes as a payload: JSON by the letter, text, or bytes kept as base64.

Invariant: any bytes end in a Decoded that every database takes, or in Rejected; the text of JSON is kept as it came.

What is said to be JSON must be JSON, in UTF-8; a byte order mark before it is dropped (RFC 8259 lets a reader do so).
Anything else counts as JSON when it happens to be (curl's `-d` says it sends a form), else as text, else as bytes. What
would be JSON but for half a surrogate pair or a NaN is no text either: to a filter it would have no members, and be
dropped. Of two members with one name the last counts, for routes, schemas and handlers alike.
"""

from __future__ import annotations

import binascii
import json
import re
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

import msgspec

from hub.adapters import halves
from hub.errors import Rejected
from hub.handlers.payload import BYTES, JSON, TEXT

MALFORMED: Final = "payload-malformed"
"""The code of what cannot be parsed; what can be, but not be kept, has REFUSED."""
REFUSED: Final = "payload-refused"
FIELD: Final = "payload"
DEFAULT_DEPTH: Final = 32

_FORM: Final = "application/x-www-form-urlencoded"
_BOM: Final = b"\xef\xbb\xbf"
_TYPE_LIMIT: Final = 255
_HEADER_LIMIT: Final = 1024
"""What is said to be a type is looked at (and remembered) up to here."""
_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_LENIENT: Final = re.compile(rb"\s*[\[{\"].*(?:NaN|Infinity|\\u[dD][89a-fA-F])", re.DOTALL)
"""What `json.dumps` and `JSON.stringify` write, and no strict parser reads, looks like this."""
_parse: Final = msgspec.json.Decoder().decode


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """`value` is what expressions and schemas see: JSON's value, else the text, None for bytes and for nothing.

    `payload`, `contenttype` and `payloadencoding` are the columns of the row.
    """

    value: Any
    payload: str | None
    contenttype: str
    payloadencoding: str = "text"


def decode(body: bytes, content_type: str | None = None, max_depth: int = DEFAULT_DEPTH) -> Decoded:
    """`body` as a payload. Raises Rejected with the code MALFORMED or REFUSED."""
    said = usable_type(content_type)
    media = media_type(said)
    if is_json_type(media):
        value, text = parse_json(body, max_depth)
        return Decoded(value, text, said or JSON)
    if not body:
        return Decoded(None, None, said or TEXT)
    found = _as_json(body, max_depth)
    if found is not None:
        return Decoded(*found, JSON if media in ("", _FORM) else said or JSON)
    return _as_text(body, said)


def parse_json(body: bytes, max_depth: int = DEFAULT_DEPTH) -> tuple[Any, str]:
    """The value of a JSON text and the text itself, without a byte order mark. Raises as `decode` does."""
    if body.startswith(_BOM):
        body = body[len(_BOM) :]
    try:
        value = _parse(body)
        text = body.decode()
    except msgspec.ValidationError as error:  # JSON, but with numbers that nothing here can hold
        raise _refused(f"{str(error)[:1].lower()}{str(error)[1:]}") from error
    except RecursionError as error:
        raise _refused(f"nested deeper than {max_depth} levels") from error
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Rejected(_why_malformed(body, error), field=FIELD, code=MALFORMED) from error
    if "\\u0000" in text and "\\u0000" in text.replace("\\\\", ""):
        raise _refused("holds the character U+0000, which databases do not take")
    if body.count(b"[") + body.count(b"{") > max_depth and _deeper(value, max_depth):
        raise _refused(f"nested deeper than {max_depth} levels")
    return value, text


def media_type(content_type: str | None) -> str:
    """The type without its parameters, in lower case; empty for none."""
    return "" if not content_type else _media(content_type[:_HEADER_LIMIT])


@lru_cache(maxsize=256)
def _media(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def is_json_type(media: str) -> bool:
    return media in (JSON, "text/json") or media.endswith("+json")


def usable_type(content_type: str | None) -> str | None:
    """`content_type` if it fits its column, else None."""
    if content_type is None or len(content_type) > _HEADER_LIMIT:
        return None
    return _usable(content_type)


@lru_cache(maxsize=256)
def _usable(content_type: str) -> str | None:
    text = content_type.strip()
    return text if text and len(text) <= _TYPE_LIMIT and text.isascii() and text.isprintable() else None


def _as_json(body: bytes, max_depth: int) -> tuple[Any, str] | None:
    """What `parse_json` answers, None for what is no JSON. Raises Rejected for JSON that cannot be read or kept."""
    try:
        return parse_json(body, max_depth)
    except Rejected as error:
        if error.code == MALFORMED and not _lenient(body.removeprefix(_BOM)):
            return None
        raise


def _lenient(body: bytes) -> bool:
    """Whether Python's own parser reads it, which takes halves of surrogate pairs, NaN and Infinity."""
    if _LENIENT.match(body):
        with suppress(ValueError, RecursionError):
            json.loads(body.decode())
            return True
    return False


def _as_text(body: bytes, said: str | None) -> Decoded:
    try:
        text = body.removeprefix(_BOM).decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        encoded = binascii.b2a_base64(body, newline=False).decode("ascii")
        return Decoded(None, encoded, said or BYTES, "base64")
    return Decoded(text, text, said or TEXT)


def _why_malformed(body: bytes, error: Exception) -> str:
    if not body.strip():
        return "the body is empty; JSON was announced"
    if body[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in body[:4]:
        return "the body is UTF-16 or UTF-32; JSON travels as UTF-8"
    try:
        body.decode()
    except UnicodeDecodeError as first:  # what the parser says counts from the beginning of a text within the body
        return f"the body is not UTF-8 (byte {first.start})"
    if _HALF.search(body):  # the parser says of one that the input ends there
        with suppress(msgspec.DecodeError, RecursionError):
            halves.read(body.decode())
            return "the body is not JSON: a text in it holds half a surrogate pair"
    return f"the body is not JSON: {error}"


def _refused(why: str) -> Rejected:
    return Rejected(f"the payload cannot be kept: {why}", field=FIELD, code=REFUSED)


def _deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects are nested in more than so many levels; breadth first, so that nothing recurses."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(levels):
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
    return bool(level)

"""A record as a message: bytes made text without losing any.

Invariant: every record becomes a message. A key that is not UTF-8 is `base64:` and its base64; a header whose value is
not UTF-8 stands under its name and `:base64`, as base64; a header without a value is empty text. Of several headers of
one name the last keeps the name (as Kafka's own clients take it), those before it are `name#1`, `name#2`, … in their
order. A record without a value (a tombstone) has an empty body and the header `kafka-tombstone`.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hub.model import Message

PROTOCOL: Final = "kafka"
METHOD: Final = "receive"
TOMBSTONE: Final = "kafka-tombstone"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NONE: Final[Mapping[str, str]] = {}


def message_of(adapter: str, record: Any) -> Message:
    """`record` is an aiokafka.ConsumerRecord of bytes."""
    body, key = record.value, record.key
    headers = _headers(record.headers) if record.headers else _NONE
    if body is None:
        body, headers = b"", {**headers, TOMBSTONE: "true"}
    return Message(
        adapter=adapter,
        protocol=PROTOCOL,
        body=body,
        topic=record.topic,
        method=METHOD,
        key=None if key is None else _key(key),
        headers=headers,
        content_type=headers.get("content-type") if headers else None,
        timestamp=_time(record.timestamp),
        partition=record.partition,
        offset=record.offset,
    )


def _key(key: bytes) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError:
        return f"base64:{_base64(key)}"


def _headers(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    found: dict[str, str] = {}
    repeated: dict[str, int] = {}
    for name, value in headers:
        name = name.lower()
        try:
            text = "" if value is None else value.decode()
        except UnicodeDecodeError:
            name, text = f"{name}:base64", _base64(value or b"")
        if name in found:
            repeated[name] = number = repeated.get(name, 0) + 1
            found[f"{name}#{number}"] = found[name]
        found[name] = text
    return found


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def _time(milliseconds: int | None) -> datetime | None:
    """None for a record without a time, and for one that no calendar has."""
    if milliseconds is None or milliseconds < 0:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None

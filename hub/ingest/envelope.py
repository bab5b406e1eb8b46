"""What travels around a payload: headers worth keeping, the trace, the sender's own id, and the row's metadata.

Invariant: no secret enters a row: headers that carry one are dropped by name, settings keep their references instead of
what these stand for. What is kept is bounded and is text that every database takes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hub.handlers.keys import is_unicode
from hub.handlers.payload import storable_json
from hub.ingest.decode import media_type

HEADER_LIMIT: Final = 64
VALUE_LIMIT: Final = 2048
TOTAL_LIMIT: Final = 16 * 1024
KEY_LIMIT: Final = 4096
_METHOD_LIMIT: Final = 64
CLOUD_EVENT: Final = "application/cloudevents+json"
_VERSION: Final = "specversion"

# "x-hub-signature-256", "x-api-key", "proxy-authorization", "x-gitlab-token"; but neither "idempotency-key" nor "key".
_SECRET: Final = re.compile(
    r"(?:^|[-_.])(?:authorization|cookies?|set-cookie2?|passw(?:or)?d|secrets?|tokens?|credentials?|signatures?"
    r"|api[-_]?key|apikey|access[-_]?key|private[-_]?key|session|jwt|csrf|xsrf)(?:$|[-_.])",
    re.IGNORECASE,
)
_encode: Final = msgspec.json.Encoder().encode
_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)


def public_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers without those that carry a secret, names in lower case."""
    return {name.lower(): value for name, value in headers.items() if not _SECRET.search(name)} if headers else {}


def traceparent(headers: Mapping[str, str]) -> str | None:
    """The W3C trace context, None when it is absent or not valid (a new trace begins then)."""
    value = headers.get("traceparent")
    match = _TRACEPARENT.fullmatch(value.strip()) if value else None
    if match is None:
        return None
    version, trace, span, flags, more = match.groups()
    if version == "ff" or trace == "0" * 32 or span == "0" * 16 or (more is not None and version == "00"):
        return None
    return f"{version}-{trace}-{span}-{flags}"


def event_id(headers: Mapping[str, str], content_type: str | None, value: Any, protocol: str = "") -> str | None:
    """A CloudEvent's source and id as one text (a source is a URI and holds no space); None for other messages.

    MQTT 5 carries an event's attributes as user properties by their bare names, and 3.1.1 names no content type: there
    `specversion` tells an event from what merely has an id and a source.
    """
    mqtt = protocol == "mqtt"
    for prefix in ("ce-", "ce_") if headers else ():
        if headers.get(f"{prefix}id") and headers.get(f"{prefix}source"):
            return f"{headers[f'{prefix}source']} {headers[f'{prefix}id']}"
    if mqtt and headers.get(_VERSION) and headers.get("id") and headers.get("source"):
        return f"{headers['source']} {headers['id']}"
    if isinstance(value, dict) and (media_type(content_type) == CLOUD_EVENT or (mqtt and value.get(_VERSION))):
        source, identity = value.get("source"), value.get("id")
        if isinstance(source, str) and isinstance(identity, str) and source and identity:
            return f"{source} {identity}"
    return None


def metadata_text(
    *,
    adapter: str | None = None,
    route: str | None = None,
    topic: str | None = None,
    key: str | None = None,
    partition: int | None = None,
    offset: int | None = None,
    headers: Mapping[str, str] | None = None,
    settings: msgspec.Raw | None = None,
) -> str:
    """`queue_jobs.metadata`: what applies of adapter, route, topic, key, partition, offset, headers (those of
    `public_headers`), and the route's `with` (as `settings_json` made it)."""
    found: dict[str, Any] = {}
    if adapter is not None:
        found["adapter"] = storable(adapter)
    if route is not None:
        found["route"] = storable(route)
    if topic is not None:
        found["topic"] = storable(topic)
    if key is not None:
        found["key"] = storable(key[:KEY_LIMIT])
    if partition is not None:
        found["partition"] = partition
    if offset is not None:
        found["offset"] = offset
    if headers and (kept := _bounded(headers)):
        found["headers"] = kept
    if settings is not None:
        found["with"] = settings
    return _encode(found).decode()


def settings_json(settings: Mapping[str, Any]) -> msgspec.Raw | None:
    """A route's `with` as JSON, None when it is empty; references to secrets stay references. Raises ValueError."""
    return msgspec.Raw(storable_json(getattr(settings, "written", settings)).encode()) if settings else None


def fit_method(method: str | None) -> str | None:
    """`method` as its column takes it; None for one that is empty."""
    return storable(method)[:_METHOD_LIMIT] if method else None


def storable(text: str) -> str:
    """`text` with the replacement character for what databases do not take: U+0000 and lone surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return text if is_unicode(text) else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _bounded(headers: Mapping[str, str]) -> dict[str, str]:
    """As many of the headers as there is room for, long values cut."""
    kept: dict[str, str] = {}
    room = TOTAL_LIMIT
    for name, value in headers.items():
        cut = storable(value[:VALUE_LIMIT])
        room -= len(name) + len(cut)
        if len(kept) == HEADER_LIMIT or room < 0:
            break
        kept[storable(name)] = cut
    return kept

"""The rows a handler leaves behind: child jobs, and messages to the outside.

Invariant: pure. A row made here fits its columns on every database; what would not fit is refused where the handler
can see it, not when its transaction ends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

import msgspec

from hub.errors import Permanent
from hub.handlers.keys import is_unicode, outbound_key
from hub.handlers.payload import NotJson, encode, storable_json
from hub.model import BoundJob, Claim, Direction, JobType, NewJob, Status

NAME_LIMIT = 255
QUEUE_LIMIT = 100
PUBLISH_HANDLER = "publish"
PUBLISH_QUEUE = "external"
_INT_LIMIT = 2**31 - 1
_DELAY_LIMIT = 100 * 366 * 86400.0
# What means infinity to PostgreSQL's driver.
_ENDS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


class Options(TypedDict, total=False):
    """How a child job or a message is run; every one may be left out.

    `delay` (seconds, or a timedelta) and `at` (without a zone: UTC) exclude each other. `key` orders: rows of one key
    run strictly one after another. `dedupe`: while a row with that key is known (for days, whatever became of it) no
    second one is made; `unique`: while a job of this handler with that key waits or runs. An enqueue by the hub then
    answers the first one's id; one inside a transaction (a job's, a connection's) does not know it: see there.
    `dedupe` and `unique` exclude each other. `timeout` is in seconds.
    """

    queue: str
    priority: int
    delay: float | timedelta | None
    at: datetime | None
    key: str | None
    dedupe: str | None
    unique: str | None
    max_retries: int | None
    timeout: float | None


def request(id: str, handler: str, payload: Any, metadata: Mapping[str, Any] | None, options: Options) -> NewJob:
    """The row of a job that an application enqueues. Raises Permanent, and PayloadInvalid for the payload."""
    return _row(None, id, _text(handler, "handler", NAME_LIMIT), payload, metadata, options)


def child(
    parent: Claim, id: str, handler: str, payload: Any, metadata: Mapping[str, Any] | None, options: Options
) -> NewJob:
    """The row of a job that `parent` enqueues. Raises Permanent, and PayloadInvalid for the payload."""
    return _row(parent, id, _text(handler, "handler", NAME_LIMIT), payload, metadata, options)


def continuation(
    parent: Claim,
    id: str,
    handler: str,
    payload: Any,
    metadata: Mapping[str, Any] | None,
    on_failure: str,
    options: Options,
) -> NewJob:
    """The row of a job that runs once the children of `parent` have ended. Raises as `child` does."""
    if on_failure not in ("continue", "fail"):
        raise Permanent("on_failure: expected 'continue' or 'fail'")
    if options.get("delay") is not None or options.get("at") is not None:
        raise Permanent(f"{handler}: a job that waits for children has no time of its own")
    waits = "ended" if on_failure == "continue" else "completed"
    name = _text(handler, "handler", NAME_LIMIT)
    return _row(parent, id, name, payload, metadata, options, waits=waits, statusid=Status.SCHEDULED)


def publication(
    parent: Claim | None,
    id: str,
    to: str,
    topic: str,
    payload: Any,
    headers: Mapping[str, str] | None,
    options: Options,
    protocol: str | None = None,
) -> NewJob:
    """The outbound row of a message to the adapter or destination `to`. Raises as `child` does.

    `protocol`: what `to` speaks, where that is known. The key, if any, travels with the message, and orders the
    messages with that key to that topic.
    """
    metadata: dict[str, Any] = {"to": _text(to, "to", NAME_LIMIT), "topic": _text(topic, "topic", None)}
    options = {"queue": PUBLISH_QUEUE, **options}
    if (key := options.get("key")) is not None:
        metadata["key"] = _text(key, "key", NAME_LIMIT)
        options["key"] = outbound_key(to, topic, key)
    if headers:
        metadata["headers"] = dict(headers)
    return _row(
        parent,
        id,
        PUBLISH_HANDLER,
        payload,
        metadata,
        options,
        typeid=JobType.INTEGRATION,
        direction=Direction.OUTBOUND,
        method="send",
        protocol=protocol,
    )


class _To(msgspec.Struct):
    to: str


def addressed(row: NewJob, protocols: Mapping[str, str]) -> NewJob:
    """The row of a message with what its receiver speaks, where `protocols` know that by its name."""
    try:
        protocol = protocols.get(msgspec.json.decode(row.metadata or "{}", type=_To).to)
    except msgspec.DecodeError:
        return row  # it goes nowhere, as its handler will say
    return row if protocol is None else msgspec.structs.replace(row, protocol=protocol)


def _row(
    parent: Claim | None,
    id: str,
    handler: str,
    payload: Any,
    metadata: Mapping[str, Any] | None,
    options: Options,
    **fixed: Any,
) -> NewJob:
    if unknown := options.keys() - Options.__annotations__.keys():
        raise Permanent(f"{handler}: unknown option {', '.join(sorted(unknown))}")
    delay, at = options.get("delay"), options.get("at")
    if delay is not None and at is not None:
        raise Permanent(f"{handler}: delay and at exclude each other")
    if (unique := options.get("unique")) is not None:
        if options.get("dedupe") is not None:
            raise Permanent(f"{handler}: dedupe and unique exclude each other")
        fixed["uniquekey"] = _text(unique, "unique", NAME_LIMIT)
    kind = BoundJob if "uniquekey" in fixed or "waits" in fixed else NewJob
    body, contenttype, encoding = encode(payload)
    return kind(
        id=id,
        handler=handler,
        payload=body,
        contenttype=contenttype,
        payloadencoding=encoding,
        queue=_optional(options.get("queue"), "queue", QUEUE_LIMIT),
        priority=_integer(options.get("priority", 0), "priority", -_INT_LIMIT),
        maxretries=_retries(options.get("max_retries")),
        scheduledat=None if at is None else _time(at),
        delay=None if delay is None else _delay(delay),
        orderingkey=_optional(options.get("key"), "key", NAME_LIMIT),
        dedupekey=_optional(options.get("dedupe"), "dedupe", NAME_LIMIT),
        timeout=_timeout(options.get("timeout")),
        metadata=None if metadata is None else _metadata(metadata),
        parentjobid=parent.id if parent is not None else None,
        traceparent=parent.traceparent if parent is not None else None,
        **fixed,
    )


# --- what fits a column ----------------------------------------------------------------------------------------------


def _text(value: object, name: str, limit: int | None) -> str:
    if not isinstance(value, str) or not value:
        raise Permanent(f"{name}: expected a text that is not empty")
    if limit is not None and len(value) > limit:
        raise Permanent(f"{name}: longer than {limit} characters")
    if "\0" in value or not is_unicode(value):
        raise Permanent(f"{name}: text that no database takes (U+0000 or a lone surrogate)")
    return value


def _optional(value: object, name: str, limit: int) -> str | None:
    return None if value is None else _text(value, name, limit)


def _integer(value: object, name: str, least: int) -> int:
    if not isinstance(value, int) or not least <= value <= _INT_LIMIT:
        raise Permanent(f"{name}: expected a whole number from {least} to {_INT_LIMIT}")
    return value


def _retries(value: object) -> int | None:
    return None if value is None else _integer(value, "max_retries", 0)


def _timeout(value: object) -> float | None:
    if value is None or (isinstance(value, int | float) and 0 < value < math.inf):
        return value
    raise Permanent("timeout: expected seconds, more than 0")


def _delay(value: object) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if not isinstance(seconds, int | float) or not seconds <= _DELAY_LIMIT:  # NaN is not, either
        raise Permanent("delay: expected seconds, at most a hundred years")
    return max(0.0, float(seconds))


def _time(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise Permanent("at: expected a datetime")
    try:
        instant = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError as error:
        raise Permanent("at: outside the calendar") from error
    if instant in _ENDS:
        raise Permanent("at: outside the calendar")
    return instant


def _metadata(value: object) -> str:
    if not isinstance(value, Mapping):
        raise Permanent("metadata: expected an object")
    try:
        return storable_json(dict(value))
    except NotJson as error:
        raise Permanent(f"metadata: {error}") from error

"""`publish`: what leaves the hub. Outbound rows are jobs like any other, completed on the receiver's receipt.

Invariant: a row is sent only after the transaction that made it was committed, at least once, each time with the same
id. Where it goes is data: `to` and `topic` in its metadata, put there by `job.publish`, by a route's `with`, or by SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from hub.errors import Permanent
from hub.handlers.job import Job
from hub.handlers.mark import handler
from hub.handlers.outgoing import PUBLISH_HANDLER, PUBLISH_QUEUE
from hub.handlers.outlet import Outlet
from hub.handlers.payload import json_text
from hub.model import Outgoing

ID_HEADER: Final = "hub-message-id"
"""The job's id, in a header of every message where there are headers: receivers can deduplicate by it."""
TRACE_HEADER: Final = "traceparent"


def handlers(outlets: Mapping[str, Outlet]) -> list[Callable[..., Any]]:
    """The handler, bound to the ways out of this hub by their names (looked up anew for each message)."""

    @handler(PUBLISH_HANDLER, queue=PUBLISH_QUEUE, timeout=60)
    async def publish(job: Job) -> dict[str, Any]:
        """Send the payload to the adapter and topic that the metadata names; what the receiver answers is kept."""
        message = outgoing(job)
        outlet = outlets.get(message.to)
        if outlet is None:
            known = ", ".join(sorted(outlets)) or "none"
            raise Permanent(f"metadata.to: there is no adapter {message.to!r} that sends (there are: {known})")
        answer = await outlet.send(message)
        receipt = {"to": message.to, "topic": message.topic}
        return receipt if answer is None else {**receipt, "answer": answer}

    return [publish]


def outgoing(job: Job) -> Outgoing:
    """The message of an outbound row. Raises Permanent, naming the field, when it does not say where to."""
    metadata = job.metadata
    given = metadata.get("with")
    target: Mapping[str, Any] = {**metadata, **given} if isinstance(given, Mapping) else metadata
    to = _text(target, "to")
    body = job.payload
    return Outgoing(
        id=job.id,
        to=to,
        topic=_text(target, "topic"),
        body=body.encode() if isinstance(body, str) else body or b"",
        content_type=job.content_type,
        key=None if (key := target.get("key")) is None else _as_text(key),
        headers=_headers(job, target.get("headers")),
    )


def header_texts(given: object) -> dict[str, str]:
    """The headers that a row's metadata names; what is no text travels as its JSON, null as nothing. Raises
    Permanent."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise Permanent("metadata.headers: expected an object, each header by its name")
    return {str(name): "" if value is None else _as_text(value) for name, value in given.items()}


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json_text(value)


def _headers(job: Job, given: object) -> dict[str, str]:
    headers = {name: value for name, value in header_texts(given).items() if name.lower() != ID_HEADER}
    if job.traceparent is not None and TRACE_HEADER not in headers:
        headers[TRACE_HEADER] = job.traceparent
    return {**headers, ID_HEADER: job.id}


def _text(target: Mapping[str, Any], name: str) -> str:
    value = target.get(name)
    if not isinstance(value, str) or not value:
        raise Permanent(f"metadata.{name}: an outbound row names where it goes, in its metadata or its route's with")
    return value

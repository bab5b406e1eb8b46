"""`publish`: what leaves the hub. Outbound rows are jobs like any other, completed on the receiver's receipt.

Invariant: a row is sent only after the transaction that made it was committed, at least once, each time with the same
id. Where it goes is data: `to` and `topic` in its metadata, put there by `job.publish`, by a route's `with`, or by SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hub.errors import Permanent
from hub.handlers.job import Job
from hub.handlers.mark import handler
from hub.handlers.outgoing import PUBLISH_HANDLER, PUBLISH_QUEUE
from hub.model import Outgoing
from hub.ports import Sink


def handlers(adapters: Mapping[str, Sink]) -> list[Callable[..., Any]]:
    """The handler, bound to the adapters of this hub by their names (looked up anew for each message)."""

    @handler(PUBLISH_HANDLER, queue=PUBLISH_QUEUE, timeout=60)
    async def publish(job: Job) -> dict[str, str]:
        """Send the payload to the adapter and topic that the metadata names."""
        message = outgoing(job)
        adapter = adapters.get(message.to)
        if adapter is None:
            known = ", ".join(sorted(adapters)) or "none"
            raise Permanent(f"metadata.to: there is no adapter {message.to!r} that sends (there are: {known})")
        await adapter.send(message)
        return {"to": message.to, "topic": message.topic}

    return [publish]


def outgoing(job: Job) -> Outgoing:
    """The message of an outbound row. Raises Permanent, naming the field, when it does not say where to."""
    metadata = job.metadata
    given = metadata.get("with")
    target: Mapping[str, Any] = {**metadata, **given} if isinstance(given, Mapping) else metadata
    to = _text(target, "to")
    body = job.payload
    headers = target.get("headers")
    key = target.get("key")
    return Outgoing(
        id=job.id,
        to=to,
        topic=_text(target, "topic"),
        body=body.encode() if isinstance(body, str) else body or b"",
        content_type=job.content_type,
        key=key if isinstance(key, str) else None,
        headers={str(name): str(value) for name, value in headers.items()} if isinstance(headers, Mapping) else {},
    )


def _text(target: Mapping[str, Any], name: str) -> str:
    value = target.get(name)
    if not isinstance(value, str) or not value:
        raise Permanent(f"metadata.{name}: an outbound row names where it goes, in its metadata or its route's with")
    return value

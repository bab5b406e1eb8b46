"""Quarantine: the row that a broker's message leaves when it cannot be worked on.

Invariant: a broker's message is never refused (that would block its partition, or lose it) and never dropped without a
word: its bytes are kept in a Failed row that names the reason, and the broker is told that it was taken. Such a row has
no dedupe key: the corrected message, under the same id, must not count as a repeat.
"""

from __future__ import annotations

import binascii
from typing import Final

from hub.handlers.payload import BYTES, TEXT
from hub.ingest.decode import usable_type
from hub.ingest.envelope import fit_method, metadata_text, public_headers, storable, traceparent
from hub.ingest.route import Route
from hub.model import Direction, Failure, JobType, Message, NewJob, Status

UNROUTED: Final = "system.unrouted"
"""The handler of messages that no route names one for."""


def quarantined(message: Message, id: str, reason: str, route: Route | None = None) -> NewJob:
    """The row that keeps `message` as it came; `reason` goes to lasterror."""
    payload, encoding, fallback = _kept(message.body)
    headers = public_headers(message.headers)
    return NewJob(
        id=id,
        handler=(route.handler if route is not None else None) or UNROUTED,
        payload=payload,
        queue=route.queue if route is not None else None,
        source=route.name if route is not None else "",
        typeid=JobType.INTEGRATION,
        method=fit_method(message.method),
        protocol=message.protocol,
        direction=Direction.INBOUND,
        metadata=metadata_text(
            adapter=message.adapter,
            route=route.name if route is not None else None,
            topic=message.topic or None,
            key=message.key,
            partition=message.partition,
            offset=message.offset,
            headers=headers,
            settings=route.settings_json if route is not None else None,
        ),
        contenttype=usable_type(message.content_type) or fallback,
        payloadencoding=encoding,
        traceparent=traceparent(headers),
        statusid=Status.FAILED,
        failure=Failure.QUARANTINED,
        lasterror=storable(reason),
    )


def _kept(body: bytes) -> tuple[str | None, str, str]:
    """The bytes as (payload, encoding, content type if none was said); no byte is changed."""
    if not body:
        return None, "text", TEXT
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return binascii.b2a_base64(body, newline=False).decode("ascii"), "base64", BYTES
    return text, "text", TEXT

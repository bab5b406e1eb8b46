"""A batch of CloudEvents (JSON, `application/cloudevents-batch+json`) as the messages it is made of.

Invariant: each event becomes a message as it would have by itself, in structured mode; a batch with one thing in it
that is no event is refused whole. Source: CloudEvents 1.0, HTTP protocol binding, 3.3, and JSON event format, 4.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hub.errors import Rejected
from hub.model import Message

BATCH: Final = "application/cloudevents-batch+json"
EVENT: Final = "application/cloudevents+json"
LARGEST: Final = 1000
"""Events in one request."""


class _Event(msgspec.Struct):
    """What every event has."""

    id: str
    source: str
    specversion: str
    type: str


def events(batch: Message) -> list[Message]:
    """The messages of a batch, in their order. Raises Rejected."""
    try:
        raw = msgspec.json.decode(batch.body, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Rejected(f"a batch of CloudEvents is a JSON array: {error}", field="payload") from error
    if len(raw) > LARGEST:
        raise Rejected(f"a batch holds {LARGEST} events at most, this one {len(raw)}", field="payload")
    for number, one in enumerate(raw):
        try:
            msgspec.json.decode(one, type=_Event)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Rejected(f"event {number} of the batch is none: {error}", field=f"payload[{number}]") from error
    # An id that the request was signed with stands for all of it; the events have their own.
    return [msgspec.structs.replace(batch, body=bytes(one), content_type=EVENT, delivery=None) for one in raw]

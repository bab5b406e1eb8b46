"""To whom an outbound message goes, and with which arguments.

`method` calls it at every client; `group:NAME/method`, `user:NAME/method` and `connection:ID/method` at some. A name
may hold slashes, a method called by address may not.

Invariant: pure. Only the topic decides, never a header: headers of a message from outside may travel on.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from hub.adapters.arguments import Payload
from hub.adapters.whom import Whom, whom_of
from hub.model import Outgoing

RESULT_HEADER: Final = "signalr-result"
"""'true': the job is done when the one client that is called has answered."""
ARGUMENTS_HEADER: Final = "signalr-arguments"
"""'spread': the payload is a list, and each of its values an argument."""


class Address(msgspec.Struct, frozen=True):
    """`name` is the group's, the user's or the connection's; empty for all."""

    whom: Whom
    name: str
    method: str


def address_of(topic: str) -> Address:
    """Raises Permanent for an address without a name or a method."""
    return Address(*whom_of(topic, "METHOD"))


def payload_of(message: Outgoing) -> Payload:
    return Payload(message.body, message.content_type, message.headers.get(ARGUMENTS_HEADER) == "spread")


def arguments_of(message: Outgoing) -> list[Any]:
    """The payload as the arguments of a call: JSON as its value, text as text, bytes as bytes. Raises Permanent."""
    return payload_of(message).arguments(ARGUMENTS_HEADER)

"""To whom an outbound message goes: read from its topic.

`event` reaches every client; `group:NAME/event`, `user:NAME/event` and `connection:SID/event` some. In front of it may
stand a namespace and a comma, as in Socket.IO's own packets: `/orders,group:line-4/changed`. A name may hold slashes,
an event called by address may not.

Invariant: pure. Only the topic decides, never a header: headers of a message from outside may travel on.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from hub.adapters.arguments import Payload
from hub.adapters.socketio.packets import RESERVED
from hub.adapters.whom import Whom, whom_of
from hub.errors import Permanent
from hub.model import Outgoing

RESULT_HEADER: Final = "socketio-result"
"""'true': the job is done when the one client that is meant has acknowledged."""
ARGUMENTS_HEADER: Final = "socketio-arguments"
"""'spread': the payload is a list, and each of its values an argument."""

ALL: Final = "all"
"""The room of every client that was let in."""


class Address(msgspec.Struct, frozen=True):
    """`name` is the group's, the user's or the connection's; empty for all."""

    namespace: str
    whom: Whom
    name: str
    event: str

    @property
    def room(self) -> str:
        return ALL if self.whom is Whom.ALL else room_of(self.whom, self.name)


class Emission(msgspec.Struct, frozen=True):
    """What is said, in a form that other instances can be sent."""

    namespace: str
    event: str
    payload: Payload

    def arguments(self) -> tuple[Any, ...]:
        """JSON as its value, text as text, bytes as bytes. Raises Permanent."""
        return tuple(self.payload.arguments(ARGUMENTS_HEADER))


def room_of(whom: Whom, name: str) -> str:
    return f"{whom}:{name}"


def address_of(topic: str) -> Address:
    """Raises Permanent for an address without a name or an event."""
    namespace, comma, rest = topic.partition(",") if topic.startswith("/") else ("/", "", topic)
    if topic.startswith("/") and not comma:
        namespace, rest = "/", topic
    whom, name, event = whom_of(rest, "EVENT")
    if not event or event in RESERVED:
        raise Permanent(f"topic {topic!r}: an event cannot be named {event!r}")
    return Address(namespace, whom, name, event)


def emission_of(message: Outgoing, address: Address) -> Emission:
    spread = message.headers.get(ARGUMENTS_HEADER) == "spread"
    return Emission(address.namespace, address.event, Payload(message.body, message.content_type, spread))

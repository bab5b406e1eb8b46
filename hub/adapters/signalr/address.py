"""To whom an outbound message goes: read from its topic.

`method` calls it at every client; `group:NAME/method`, `user:NAME/method` and `connection:ID/method` at some. A name
may hold slashes, a method called by address may not.

Invariant: pure. Only the topic decides, never a header: headers of a message from outside may travel on.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from hub.errors import Permanent
from hub.model import Outgoing

RESULT_HEADER: Final = "signalr-result"
"""'true': the job is done when the one client that is called has answered."""
ARGUMENTS_HEADER: Final = "signalr-arguments"
"""'spread': the payload is a list, and each of its values an argument."""

_check_json: Final = msgspec.json.Decoder().decode


class Whom(StrEnum):
    ALL = "all"
    GROUP = "group"
    USER = "user"
    CONNECTION = "connection"


class Address(msgspec.Struct, frozen=True):
    """`name` is the group's, the user's or the connection's; empty for all."""

    whom: Whom
    name: str
    method: str


def address_of(topic: str) -> Address:
    """Raises Permanent for an address without a name or a method."""
    kind, colon, rest = topic.partition(":")
    if not colon or kind not in (Whom.GROUP, Whom.USER, Whom.CONNECTION):
        return Address(Whom.ALL, "", topic)
    name, _, method = rest.rpartition("/")
    if not name or not method:
        raise Permanent(f"topic {topic!r}: expected {kind}:NAME/METHOD")
    return Address(Whom(kind), name, method)


def arguments_of(message: Outgoing) -> list[Any]:
    """The payload as the arguments of a call: JSON as its value, text as text, bytes as bytes. Raises Permanent."""
    arguments = [_argument(message)]
    if message.headers.get(ARGUMENTS_HEADER) == "spread":
        arguments = arguments[0]
        if not isinstance(arguments, list):
            raise Permanent(f"{ARGUMENTS_HEADER}: the payload is no list")
    return arguments


def _argument(message: Outgoing) -> Any:
    if message.content_type.partition(";")[0].strip().endswith("json"):
        if not message.body:
            return None
        try:
            return _check_json(message.body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Permanent(f"the payload is said to be JSON and is not: {error}") from error
    try:
        return message.body.decode()
    except UnicodeDecodeError:
        return message.body

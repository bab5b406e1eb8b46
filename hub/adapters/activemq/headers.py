"""Headers of STOMP frames, and the messages they make.

Invariant: a header leaves with exactly the name and value it was given, or its message is refused for good: nothing in
it can end a header, a frame, or the connection that other messages share.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from hub.errors import Permanent
from hub.model import Message, Outgoing

GROUP: Final = "JMSXGroupID"
"""A message's key makes its group: a broker hands all of one group to one consumer, in order."""

KEY: Final = "hub-key"
"""The key once more: ActiveMQ keeps a message's group to itself when it hands it to a STOMP client."""

MESSAGE_ID: Final = "hub-message-id"
PROTOCOL: Final = "activemq"

_INBOUND_FRAME: Final = frozenset(("subscription", "ack", "content-length", "destination", "receipt"))

# The frame's, the connection's or the broker's own: a message that came from elsewhere may bring them along.
_OUTBOUND_FRAME: Final = frozenset(
    (
        *("destination", "receipt", "receipt-id", "transaction", "transformation", "content-length", "content-type"),
        *("id", "ack", "subscription", "message-id", "redelivered", "timestamp", "selector", "browser"),
        *("host", "login", "passcode", "heart-beat", "accept-version", "session", "server", "version", "client-id"),
        *("persistent", "amq-msg-type", MESSAGE_ID, KEY, GROUP.lower()),
    )
)
# Names that mean something only in this spelling; rows keep names in lower case.
_SPELLED: Final = {
    name.lower(): name
    for name in (
        *("AMQ_SCHEDULED_DELAY", "AMQ_SCHEDULED_PERIOD", "AMQ_SCHEDULED_REPEAT", "AMQ_SCHEDULED_CRON"),
        "JMSXGroupSeq",
    )
}
# A broker answers other values with an error that is not of the one message, but of the connection.
_WHOLE_NUMBERS: Final = frozenset(
    ("expires", "priority", "AMQ_SCHEDULED_DELAY", "AMQ_SCHEDULED_PERIOD", "AMQ_SCHEDULED_REPEAT", "JMSXGroupSeq")
)
_LINE_LIMIT: Final = 10_000
_COUNT_LIMIT: Final = 900
_TEXT_TYPES: Final = frozenset(("application/json", "application/xml", "application/javascript"))


def message_of(adapter: str, headers: Mapping[str, str], body: bytes) -> Message:
    """A MESSAGE frame as the hub takes it: the headers without those of the frame alone."""
    return Message(
        adapter=adapter,
        protocol=PROTOCOL,
        body=body,
        topic=headers.get("destination", ""),
        method="receive",
        key=headers.get(KEY) or headers.get(GROUP) or None,
        headers={name: value for name, value in headers.items() if name not in _INBOUND_FRAME},
        content_type=headers.get("content-type") or None,
        timestamp=_time(headers.get("timestamp")),
    )


def send_headers(message: Outgoing) -> dict[str, str]:
    """The headers of a SEND frame, `destination` and `receipt` aside, not escaped yet. Raises Permanent.

    The content-type decides whether consumers of JMS see text or bytes; the body has its length told in either case.
    """
    found = {
        MESSAGE_ID: message.id,
        "persistent": "true",
        "content-type": message.content_type,
        "content-length": str(len(message.body)),
        "amq-msg-type": "text" if _is_text(message) else "bytes",
    }
    group = message.key
    for name, value in message.headers.items():
        lower = name.lower()
        if lower == GROUP.lower():
            group = group or value
        elif lower not in _OUTBOUND_FRAME:
            spelled = _SPELLED.get(lower, name)
            if spelled in _WHOLE_NUMBERS and not value.removeprefix("-").isdecimal():
                raise Permanent(f"header {name}: expected a whole number, not {value[:40]!r}")
            found[spelled] = value
    if group:
        found[GROUP] = found[KEY] = group
    if len(found) > _COUNT_LIMIT:
        raise Permanent(f"{len(found)} headers: a STOMP message carries at most {_COUNT_LIMIT}")
    for name, value in found.items():
        _travels(name, value)
    return found


def destination(text: str) -> str:
    """A destination to send to or to read from. Raises Permanent."""
    if not text.startswith("/") or text.count("/") < 2:
        raise Permanent(f"{text!r} is no STOMP destination: it begins with /queue/ or /topic/")
    _travels("destination", text)
    return text


def escaped(text: str) -> str:
    """A name or a value as STOMP 1.2 has it in every frame but CONNECT."""
    return text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n").replace(":", "\\c")


def _travels(name: str, value: str) -> None:
    if not name:
        raise Permanent("a header has a name")
    if "\0" in name or "\0" in value:
        raise Permanent(f"header {name!r}: U+0000 ends a STOMP frame and cannot travel in a header")
    try:
        size = len(escaped(name).encode()) + len(escaped(value).encode())
    except UnicodeEncodeError:
        raise Permanent(f"header {name!r}: a lone surrogate cannot be written as UTF-8") from None
    if size > _LINE_LIMIT:
        raise Permanent(f"header {name[:60]!r} has {size} bytes: brokers take up to {_LINE_LIMIT}")


def _is_text(message: Outgoing) -> bool:
    kind = message.content_type.partition(";")[0].strip().lower()
    if not (kind.startswith("text/") or kind in _TEXT_TYPES or kind.endswith(("+json", "+xml"))):
        return False
    if b"\0" in message.body:
        return False
    try:
        message.body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _time(text: str | None) -> datetime | None:
    """Milliseconds since 1970, None for what is no such number."""
    try:
        return datetime.fromtimestamp(int(text or "") / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None

"""What a client says, read strictly: python-socketio takes packets that no client sends, and trips over some of them.

Invariant: a packet that passes here is whole, within its limits, and of a form that the protocol knows; its arguments
are JSON as they came. Every attachment stands in exactly one place, as base64 text.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

import msgspec
from socketio import packet

from hub.adapters import halves

RESERVED: Final = frozenset(
    ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener")
)
"""Names that clients give to events of their own making; nobody sends them."""

_HEAD: Final = re.compile(r"([0-6])(?:([0-9]{1,10})-)?(?:(/[^,]*)(?:,|$))?([0-9]{1,15})?")
_list: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_text: Final = msgspec.json.Decoder(str).decode
_any: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
_UNREADABLE: Final = (msgspec.DecodeError, RecursionError, UnicodeError)


class BadPacket(ValueError):
    """Bytes that the protocol does not allow: the connection ends."""


class Arguments(msgspec.Struct, frozen=True):
    """Of an event: `body` is the one argument, or the list of none or several; in JSON."""

    body: bytes
    count: int
    attachments: int = 0


class ClientPacket(packet.Packet):  # type: ignore[misc]  # the library has no types
    """The library's packet. `data` of an event is [its name, Arguments], of an acknowledgement a list of values."""

    longest: ClassVar[int]
    most: ClassVar[int]

    def decode(self, encoded_packet: str | bytes) -> int:
        """How many attachments are still to come. Raises BadPacket."""
        if not isinstance(encoded_packet, str):
            raise BadPacket("an attachment that no packet announced")
        head = _HEAD.match(encoded_packet)
        if head is None:
            raise BadPacket("no packet of Socket.IO")
        kind, count, namespace, number = head.groups()
        self.packet_type = int(kind)
        self.namespace = namespace.partition("?")[0] if namespace else None
        self.id = int(number) if number is not None else None
        self._size = len(encoded_packet)
        attachments = self._announced(count)
        try:
            self.data = self._read(encoded_packet[head.end() :])
        except _UNREADABLE as error:
            raise BadPacket("the JSON of a packet cannot be read") from error
        return attachments

    def _announced(self, count: str | None) -> int:
        binary = self.packet_type in (packet.BINARY_EVENT, packet.BINARY_ACK)
        if (count is not None) is not binary:
            raise BadPacket("attachments are announced by binary packets, and by those only")
        announced = int(count or 0)
        if binary and not 0 < announced <= self.most:
            raise BadPacket(f"{announced} attachments where at most {self.most} are taken")
        return announced

    def _read(self, text: str) -> Any:
        match self.packet_type:
            case packet.CONNECT:
                auth = _any(text) if text else None
                if auth is not None and not isinstance(auth, dict):
                    raise BadPacket("the authentication is no object")
                return auth
            case packet.DISCONNECT:
                return None
            case packet.EVENT:
                name, *arguments = _named(text)
                return [name, Arguments(_joined(arguments), len(arguments))]
            case packet.BINARY_EVENT:
                _named(text)
                return _any(text)
            case packet.ACK | packet.BINARY_ACK:
                if not self.id:
                    raise BadPacket("an acknowledgement of nothing")
                values = _any(text)
                if not isinstance(values, list):
                    raise BadPacket("an acknowledgement is a list")
                return values
        raise BadPacket("a packet that servers send")

    def add_attachment(self, attachment: str | bytes) -> bool:
        """Whether it was the last one. Raises BadPacket."""
        if not isinstance(attachment, bytes):
            raise BadPacket("a packet between another one and its attachments")
        self._size += len(attachment)
        if self._size > self.longest:
            raise BadPacket(f"a message has at most {self.longest} bytes, its attachments included")
        self.attachments.append(attachment)
        if len(self.attachments) < self.attachment_count:
            return False
        placed: set[int] = set()
        try:
            values = self._placed(self.data, placed)
            if len(placed) != self.attachment_count:
                raise BadPacket("an attachment has no place")
            if self.packet_type == packet.BINARY_EVENT:
                arguments = values[1:]
                body = _encode(arguments[0] if len(arguments) == 1 else arguments)
                values = [values[0], Arguments(body, len(arguments), self.attachment_count)]
        except RecursionError as error:
            raise BadPacket("the JSON of a packet is too deep") from error
        self.data = values
        return True

    def _placed(self, value: Any, placed: set[int]) -> Any:
        if isinstance(value, list):
            return [self._placed(item, placed) for item in value]
        if not isinstance(value, dict):
            return value
        if value.get("_placeholder") is not True:
            return {key: self._placed(item, placed) for key, item in value.items()}
        number = value.get("num")
        if type(number) is not int or not 0 <= number < self.attachment_count or number in placed:
            raise BadPacket("a place for an attachment that there is not")
        placed.add(number)
        return self.attachments[number]


def packet_class(longest: int, most: int) -> type[ClientPacket]:
    """The packets of one server: at most so many bytes, and attachments."""
    return type("Packet", (ClientPacket,), {"longest": longest, "most": most})


def _named(text: str) -> list[Any]:
    """An event's name, and its arguments in their text."""
    items: list[Any]
    try:
        items = list(_list(text))
    except msgspec.DecodeError:
        found = halves.read(text)
        if not isinstance(found, list):
            raise
        items = [halves.raw(item) for item in found]
    if not items:
        raise BadPacket("an event without a name")
    name = _text(items[0])
    if not name or name in RESERVED:
        raise BadPacket(f"an event cannot be named {name[:40]!r}")
    return [name, *items[1:]]


def _joined(arguments: list[msgspec.Raw]) -> bytes:
    if len(arguments) == 1:
        return bytes(arguments[0])
    return b"[" + b",".join(map(bytes, arguments)) + b"]"

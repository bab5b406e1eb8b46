"""The hub protocol as MessagePack: each message is an array behind its length (a VarInt of at most five bytes).

Invariant: an array longer than its type needs is taken, its end ignored; a shorter one, or another type of value in a
place that the protocol uses, is a ProtocolError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET

from hub.adapters.signalr.messages import (
    Ack,
    CancelInvocation,
    Close,
    Completion,
    HubMessage,
    Invocation,
    Ping,
    ProtocolError,
    SequenceStart,
    StreamItem,
    plain,
)

_ERROR, _VOID, _VALUE = 1, 2, 3
_LONGEST_PREFIX: Final = 5
_decode: Final = msgspec.msgpack.Decoder().decode
_encode: Final = msgspec.msgpack.Encoder().encode
_PING: Final = b"\x02\x91\x06"


class MessagePackCodec:
    """See Codec."""

    name = "messagepack"
    binary = True

    def cut(self, buffer: bytearray, limit: int, searched: int) -> tuple[bytes | None, int]:
        size, start = _prefix(buffer)
        if start == 0:
            return None, 0
        if size > limit:
            raise ProtocolError(f"The maximum message size of {limit}B was exceeded.")
        if len(buffer) < start + size:
            return None, 0
        message = bytes(buffer[start : start + size])
        del buffer[: start + size]
        return message, 0

    def decode(self, message: bytes) -> HubMessage | None:
        try:
            parts = _decode(message)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, TypeError, ValueError) as error:
            # TypeError: a map with a key that cannot be hashed.
            raise ProtocolError(f"A message could not be read: {error}") from error
        if not isinstance(parts, list) or not parts or type(parts[0]) is not int:
            raise ProtocolError("A message could not be read: it is no array that begins with its type")
        return _message(_Parts(parts))

    def encode(self, message: HubMessage) -> bytes:
        match message:
            case Ping():
                return _PING
            case Invocation():
                streams = list(message.stream_ids)
                parts = [
                    4 if message.stream else 1,
                    dict(message.headers),
                    message.invocation_id,
                    message.target,
                    [plain(argument) for argument in message.arguments],
                    streams,
                ]
            case StreamItem():
                parts = [2, {}, message.invocation_id, plain(message.item)]
            case Completion():
                parts = [3, {}, message.invocation_id, *_end(message)]
            case CancelInvocation():
                parts = [5, {}, message.invocation_id]
            case Close():
                parts = [7, message.error, message.allow_reconnect]
            case Ack():
                parts = [8, message.sequence_id]
            case SequenceStart():
                parts = [9, message.sequence_id]
        body = _encode(parts)
        return _length(len(body)) + body


class _Parts:
    """The elements of a message, each asked for by what it must be."""

    def __init__(self, parts: Sequence[Any]) -> None:
        self._parts = parts
        self.kind: int = parts[0]

    def any(self, at: int) -> Any:
        if at >= len(self._parts):
            raise ProtocolError(f"A message of type {self.kind} has only {len(self._parts)} elements")
        return self._parts[at]

    def text(self, at: int) -> str:
        value = self.any(at)
        if not isinstance(value, str):
            raise self._wrong(at, "text")
        return value

    def id(self, at: int) -> str:
        value = self.text(at)
        if not value:
            raise self._wrong(at, "an id that is not empty")
        return value

    def number(self, at: int) -> int:
        value = self.any(at)
        if type(value) is not int:
            raise self._wrong(at, "a whole number")
        return value

    def items(self, at: int) -> list[Any]:
        value = self.any(at)
        if not isinstance(value, list):
            raise self._wrong(at, "an array")
        return value

    def texts(self, at: int) -> list[str]:
        """An array of texts; none when the message ends before it, or says nil."""
        if at >= len(self._parts) or self._parts[at] is None:
            return []
        found = self.items(at)
        if not all(isinstance(one, str) for one in found):
            raise self._wrong(at, "an array of texts")
        return found

    def headers(self, at: int) -> dict[str, str]:
        value = self.any(at)
        if not isinstance(value, dict):
            raise self._wrong(at, "a map")
        return {key: text for key, text in value.items() if isinstance(key, str) and isinstance(text, str)}

    def optional(self, at: int) -> Any:
        return self._parts[at] if at < len(self._parts) else None

    def _wrong(self, at: int, expected: str) -> ProtocolError:
        return ProtocolError(f"Element {at} of a message of type {self.kind} is not {expected}")


def _message(parts: _Parts) -> HubMessage | None:
    match parts.kind:
        case 1 | 4:
            stream = parts.kind == 4
            return Invocation(
                headers=parts.headers(1),
                invocation_id=None if parts.any(2) is None and not stream else parts.id(2),
                target=parts.text(3),
                arguments=parts.items(4),
                stream_ids=parts.texts(5),
                stream=stream,
            )
        case 2:
            return StreamItem(parts.id(2), parts.any(3))
        case 3:
            return _completion(parts)
        case 5:
            return CancelInvocation(parts.id(2))
        case 6:
            return Ping()
        case 7:
            error = parts.any(1)
            return Close(error if isinstance(error, str) else None, parts.optional(2) is True)
        case 8:
            return Ack(parts.number(1))
        case 9:
            return SequenceStart(parts.number(1))
    return None


def _completion(parts: _Parts) -> Completion:
    match parts.number(3):
        case 1:
            return Completion(parts.id(2), UNSET, parts.text(4))
        case 2:
            return Completion(parts.id(2))
        case 3:
            return Completion(parts.id(2), parts.any(4))
    raise ProtocolError("A completion says neither error, nothing nor value")


def _end(message: Completion) -> list[Any]:
    if message.error is not None:
        return [_ERROR, message.error]
    return [_VOID] if message.result is UNSET else [_VALUE, plain(message.result)]


def _prefix(buffer: bytearray) -> tuple[int, int]:
    """(size of the message, size of its prefix); (0, 0) when the prefix is not whole. Raises ProtocolError."""
    size = 0
    for place, byte in enumerate(buffer[:_LONGEST_PREFIX]):
        size |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            if size == 0:
                raise ProtocolError("A message of no bytes")
            return size, place + 1
    if len(buffer) >= _LONGEST_PREFIX:
        raise ProtocolError("A message's length is longer than five bytes")
    return 0, 0


def _length(size: int) -> bytes:
    out = bytearray()
    while size >= 0x80:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    out.append(size)
    return bytes(out)

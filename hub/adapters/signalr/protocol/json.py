"""The hub protocol as JSON: each message ends in U+001E.

Invariant: what the hub only hands on (arguments, items, results) is not parsed: its bytes go through unchanged.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from hub.adapters import halves
from hub.adapters.signalr.messages import (
    KINDS,
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
)

SEPARATOR: Final = b"\x1e"
_PING: Final = b'{"type":6}' + SEPARATOR


class _Kind(msgspec.Struct):
    type: int


class _Wire(msgspec.Struct, rename="camel", omit_defaults=True):
    """Any message: members that its type does not have are ignored, others must fit."""

    type: int
    invocation_id: str | None = None
    target: str | None = None
    arguments: list[msgspec.Raw] | None = None
    stream_ids: list[str] | None = None
    headers: dict[str, str] | None = None
    item: msgspec.Raw | UnsetType = UNSET
    result: msgspec.Raw | UnsetType = UNSET
    error: str | None = None
    allow_reconnect: bool | None = None
    sequence_id: int | None = None


_decode: Final = msgspec.json.Decoder(_Wire).decode
_decode_kind: Final = msgspec.json.Decoder(_Kind).decode
_encode: Final = msgspec.json.Encoder().encode


class JsonCodec:
    """See Codec."""

    name = "json"
    binary = False

    def cut(self, buffer: bytearray, limit: int, searched: int) -> tuple[bytes | None, int]:
        end = buffer.find(SEPARATOR, searched)
        if end > limit or (end < 0 and len(buffer) > limit):
            raise ProtocolError(f"The maximum message size of {limit}B was exceeded.")
        if end < 0:
            return None, len(buffer)
        message = bytes(buffer[:end])
        del buffer[: end + 1]
        return message, 0

    def decode(self, message: bytes) -> HubMessage | None:
        try:
            return _message(_decode(message))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            if _unknown(message):
                return None
            if (call := _with_halves(message)) is not None:
                return call
            raise ProtocolError(f"A message could not be read: {error}") from error

    def encode(self, message: HubMessage) -> bytes:
        match message:
            case Ping():
                return _PING
            case Invocation():
                wire = _Wire(
                    4 if message.stream else 1,
                    invocation_id=message.invocation_id,
                    target=message.target,
                    arguments=list(message.arguments),
                    stream_ids=list(message.stream_ids) or None,
                    headers=dict(message.headers) or None,
                )
            case StreamItem():
                wire = _Wire(2, invocation_id=message.invocation_id, item=message.item)
            case Completion():
                wire = _Wire(3, invocation_id=message.invocation_id, result=message.result, error=message.error)
            case CancelInvocation():
                wire = _Wire(5, invocation_id=message.invocation_id)
            case Close():
                wire = _Wire(7, error=message.error, allow_reconnect=message.allow_reconnect or None)
            case Ack():
                wire = _Wire(8, sequence_id=message.sequence_id)
            case SequenceStart():
                wire = _Wire(9, sequence_id=message.sequence_id)
        return _encode(wire) + SEPARATOR


def _unknown(message: bytes) -> bool:
    """Whether the message is of a type that is not known, so that its members may be anything."""
    try:
        return _decode_kind(message).type not in KINDS
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False


def _with_halves(message: bytes) -> HubMessage | None:
    """An invocation that has half a surrogate pair in its arguments, and there only; None for anything else."""
    try:
        value = halves.read(message.decode())
        if not isinstance(value, dict) or not isinstance(value.get("arguments"), list):
            return None
        wire = _decode(bytes(halves.raw({**value, "arguments": []})))
        wire.arguments = [halves.raw(argument) for argument in value["arguments"]]
        return _message(wire) if wire.type in (1, 4) else None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _message(wire: _Wire) -> HubMessage | None:
    match wire.type:
        case 1 | 4:
            return Invocation(
                target=_needed(wire.target, "target"),
                arguments=_needed(wire.arguments, "arguments"),
                invocation_id=_id(wire.invocation_id) if wire.type == 4 else _optional_id(wire.invocation_id),
                stream_ids=wire.stream_ids or (),
                headers=wire.headers or {},
                stream=wire.type == 4,
            )
        case 2:
            if wire.item is UNSET:
                raise msgspec.ValidationError("a stream item without `item`")
            return StreamItem(_id(wire.invocation_id), wire.item)
        case 3:
            if wire.error is not None and wire.result is not UNSET:
                raise msgspec.ValidationError("a completion with both `result` and `error`")
            return Completion(_id(wire.invocation_id), wire.result, wire.error)
        case 5:
            return CancelInvocation(_id(wire.invocation_id))
        case 6:
            return Ping()
        case 7:
            return Close(wire.error, bool(wire.allow_reconnect))
        case 8:
            return Ack(_needed(wire.sequence_id, "sequenceId"))
        case 9:
            return SequenceStart(_needed(wire.sequence_id, "sequenceId"))
    return None


def _optional_id(value: str | None) -> str | None:
    return None if value is None else _id(value)


def _id(value: str | None) -> str:
    if not value:
        raise msgspec.ValidationError("`invocationId` is missing or empty")
    return value


def _needed(value: Any, name: str) -> Any:
    if value is None:
        raise msgspec.ValidationError(f"`{name}` is missing")
    return value

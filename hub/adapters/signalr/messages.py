"""The messages of the hub protocol, as neither JSON nor MessagePack.

Invariant: values only. `arguments`, `item` and `result` hold what the codec found: JSON leaves them as it read them
(`msgspec.Raw`), MessagePack as Python's values; `as_json` makes JSON of either.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """Call `target`. Without an id nobody waits for an answer. `stream` asks for items before the completion;
    `stream_ids` name the uploads that belong to the call."""

    target: str
    arguments: Sequence[Any] = ()
    invocation_id: str | None = None
    stream_ids: Sequence[str] = ()
    headers: Mapping[str, str] = {}
    stream: bool = False


class StreamItem(msgspec.Struct, frozen=True):
    invocation_id: str
    item: Any


class Completion(msgspec.Struct, frozen=True):
    """The end of an invocation or a stream: a result, an error, or neither; never both."""

    invocation_id: str
    result: Any | UnsetType = UNSET
    error: str | None = None


class CancelInvocation(msgspec.Struct, frozen=True):
    invocation_id: str


class Ping(msgspec.Struct, frozen=True):
    pass


class Close(msgspec.Struct, frozen=True):
    error: str | None = None
    allow_reconnect: bool = False


class Ack(msgspec.Struct, frozen=True):
    """Everything up to this number has been received."""

    sequence_id: int


class SequenceStart(msgspec.Struct, frozen=True):
    """The number of the next numbered message, after a reconnect."""

    sequence_id: int


HubMessage = Invocation | StreamItem | Completion | CancelInvocation | Ping | Close | Ack | SequenceStart

NUMBERED: Final = (Invocation, StreamItem, Completion, CancelInvocation)
"""What a stateful reconnect numbers and sends again."""

KINDS: Final = range(1, 10)
"""The numbers of the types that are known; others are for clients of another day, and ignored."""

PING: Final = Ping()


class ProtocolError(Exception):
    """Bytes that the protocol does not allow; the connection ends, and the text says why."""


def plain(value: Any) -> Any:
    """What MessagePack and expressions can take: JSON still in its text becomes Python's values."""
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value


def as_json(value: Any) -> bytes:
    """`value` as JSON: bytes as base64, times as RFC 3339. Raises ProtocolError for what JSON has no form for."""
    if isinstance(value, msgspec.Raw):
        return bytes(value)
    try:
        return msgspec.json.encode(value, enc_hook=_extension)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ProtocolError(f"an argument has no form in JSON: {error}") from error


def _extension(value: Any) -> Any:
    if isinstance(value, msgspec.msgpack.Ext):
        return base64.b64encode(value.data).decode()
    raise TypeError(f"a value of type {type(value).__name__}")

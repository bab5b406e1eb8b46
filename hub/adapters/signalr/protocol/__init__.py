"""The two forms of the hub protocol behind one shape.

Invariant: pure. A codec cuts whole messages off a stream of bytes, however it was split into frames, and never holds
more than one message's bytes before it says that they are too many.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from hub.adapters.signalr.messages import HubMessage
from hub.adapters.signalr.protocol.json import JsonCodec
from hub.adapters.signalr.protocol.messagepack import MessagePackCodec

VERSIONS: Final = (1, 2)
"""Version 2 adds what a stateful reconnect needs."""


class Codec(Protocol):
    """One form of the protocol; keeps nothing."""

    name: str
    binary: bool

    def cut(self, buffer: bytearray, limit: int, searched: int) -> tuple[bytes | None, int]:
        """Take one message's bytes off the front of `buffer`: None when it is not whole yet. The number is how far the
        buffer has been looked at in vain. Raises ProtocolError past `limit` bytes."""
        ...

    def decode(self, message: bytes) -> HubMessage | None:
        """None for a type that is not known. Raises ProtocolError."""
        ...

    def encode(self, message: HubMessage) -> bytes:
        """A whole message, with what separates it from the next."""
        ...


CODECS: Final[dict[str, Callable[[], Codec]]] = {"json": JsonCodec, "messagepack": MessagePackCodec}

"""The first message of a connection: which form of the protocol, in which version; JSON whatever the form.

Invariant: pure; what follows the handshake in the same bytes stays in the buffer for the codec.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hub.adapters.signalr.messages import ProtocolError
from hub.adapters.signalr.protocol import CODECS, VERSIONS, Codec
from hub.adapters.signalr.protocol.json import SEPARATOR

LONGEST: Final = 4096
ACCEPTED: Final = b"{}" + SEPARATOR


class _Request(msgspec.Struct):
    protocol: str
    version: int


class Response(msgspec.Struct, omit_defaults=True):
    """What a server answers."""

    error: str | None = None
    type: int | None = None


_decode: Final = msgspec.json.Decoder(_Request).decode
_decode_response: Final = msgspec.json.Decoder(Response).decode


def take(buffer: bytearray, *, binary: bool) -> Codec | None:
    """The codec that the client asks for, cut off `buffer`; None until the request is whole.

    `binary`: whether the transport carries bytes. Raises ProtocolError, whose text is for the client.
    """
    message = _cut(buffer)
    if message is None:
        return None
    try:
        request = _decode(message)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ProtocolError("The first message must be a handshake request.") from error
    make = CODECS.get(request.protocol)
    if make is None:
        raise ProtocolError(f"The protocol '{request.protocol[:64]}' is not supported.")
    if request.version not in VERSIONS:
        raise ProtocolError(f"The server does not support version {request.version} of '{request.protocol}'.")
    codec = make()
    if codec.binary and not binary:
        raise ProtocolError(f"The transport carries text only, which '{codec.name}' cannot use.")
    return codec


def request(codec: Codec, version: int) -> bytes:
    """What a client sends first."""
    return msgspec.json.encode(_Request(codec.name, version)) + SEPARATOR


def take_response(buffer: bytearray) -> bool:
    """Whether the server's answer is there, cut off `buffer`. Raises ProtocolError with the server's error."""
    message = _cut(buffer)
    if message is None:
        return False
    try:
        response = _decode_response(message)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ProtocolError("the server's answer to the handshake could not be read") from error
    if response.error:
        raise ProtocolError(response.error)
    if response.type is not None:
        raise ProtocolError("the server sent a message before its answer to the handshake")
    return True


def refusal(error: str) -> bytes:
    return msgspec.json.encode(Response(error)) + SEPARATOR


def _cut(buffer: bytearray) -> bytes | None:
    end = buffer.find(SEPARATOR, 0, LONGEST + 1)
    if end < 0:
        if len(buffer) > LONGEST:
            raise ProtocolError(f"A handshake request has at most {LONGEST} bytes.")
        return None
    message = bytes(buffer[:end])
    del buffer[: end + 1]
    return message

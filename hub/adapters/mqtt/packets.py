"""A PUBLISH packet as it came, read without trusting it.

Invariant: pure; any packet that a broker can have sent becomes an Arrived. paho's own reader refuses characters that
brokers let pass (U+FEFF in a user property, say); refused there, a message could never be acknowledged, and would end
each new connection again. Only a packet whose lengths do not add up raises Malformed.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from struct import error as struct_error
from struct import unpack_from
from typing import NamedTuple

BASE64 = "base64:"
"""Begins the text of correlation data that is no plain text."""

RESPONSE_TOPIC = "mqtt-response-topic"
CORRELATION_DATA = "mqtt-correlation-data"
EXPIRY = "mqtt-message-expiry"
RETAIN = "mqtt-retain"
MESSAGE_ID = "hub-message-id"

_FORMAT, _EXPIRY, _TYPE, _RESPONSE, _CORRELATION, _SUBSCRIPTION, _ALIAS, _USER = 1, 2, 3, 8, 9, 11, 35, 38


class Malformed(Exception):
    """The packet's lengths do not add up: what follows in the stream cannot be trusted either."""


class Arrived(NamedTuple):
    """A message and what is needed to acknowledge it. `retained`: it was kept by the broker before we subscribed."""

    mid: int
    qos: int
    retained: bool
    topic: str
    body: bytes
    headers: Mapping[str, str] = {}
    content_type: str | None = None

    @property
    def size(self) -> int:
        return len(self.body) + len(self.topic)


def read_publish(first: int, packet: bytes | bytearray, five: bool) -> Arrived:
    """`first` is the first byte of the fixed header, `packet` all that follows the length. Raises Malformed."""
    qos, retained = (first >> 1) & 3, bool(first & 1)
    try:
        topic, at = _binary(packet, 0)
        mid = 0
        if qos:
            (mid,) = unpack_from("!H", packet, at)
            at += 2
        headers: dict[str, str] = {}
        content_type = None
        if five:
            length, at = _variable(packet, at)
            end = at + length
            if end > len(packet):
                raise Malformed("properties longer than the packet")
            content_type = _properties(packet, at, end, headers)
            at = end
    except (struct_error, IndexError) as error:
        raise Malformed(str(error)) from error
    if retained:
        headers[RETAIN] = "true"
    return Arrived(mid, qos, retained, _text(topic), bytes(packet[at:]), headers, content_type)


def correlation_text(data: bytes) -> str:
    """Correlation data as a header: the text that it is, else base64 behind its mark."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    if text and text.isprintable() and not text.startswith(BASE64):
        return text
    return BASE64 + binascii.b2a_base64(data, newline=False).decode("ascii")


def correlation_data(text: str) -> bytes:
    """The bytes behind `correlation_text`. Raises ValueError."""
    if text.startswith(BASE64):
        return binascii.a2b_base64(text.removeprefix(BASE64), strict_mode=True)
    return text.encode()


def _properties(packet: bytes | bytearray, at: int, end: int, headers: dict[str, str]) -> str | None:
    """Reads into `headers`; answers the content type."""
    content_type = None
    while at < end:
        kind, at = _variable(packet, at)
        if kind == _USER:
            name, at = _binary(packet, at)
            value, at = _binary(packet, at)
            _add(headers, _text(name), _text(value))
        elif kind == _TYPE:
            found, at = _binary(packet, at)
            content_type = _text(found)
        elif kind == _RESPONSE:
            found, at = _binary(packet, at)
            headers[RESPONSE_TOPIC] = _text(found)
        elif kind == _CORRELATION:
            found, at = _binary(packet, at)
            headers[CORRELATION_DATA] = correlation_text(found)
        elif kind == _EXPIRY:
            (seconds,) = unpack_from("!I", packet, at)
            at += 4
            headers[EXPIRY] = str(seconds)
        elif kind == _FORMAT:
            at += 1
        elif kind == _ALIAS:
            at += 2
        elif kind == _SUBSCRIPTION:
            _, at = _variable(packet, at)
        else:
            raise Malformed(f"unknown property {kind}")
    if at != end:
        raise Malformed("properties longer than they say")
    return content_type


def _add(headers: dict[str, str], name: str, value: str) -> None:
    """A name may come several times: its values stand in one text then, as those of HTTP headers may."""
    headers[name] = f"{headers[name]}, {value}" if name in headers else value


def _binary(packet: bytes | bytearray, at: int) -> tuple[bytes, int]:
    (length,) = unpack_from("!H", packet, at)
    end = at + 2 + length
    if end > len(packet):
        raise Malformed("a text longer than the packet")
    return bytes(packet[at + 2 : end]), end


def _variable(packet: bytes | bytearray, at: int) -> tuple[int, int]:
    value = 0
    for shift in (0, 7, 14, 21):
        byte = packet[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise Malformed("a number longer than four bytes")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")

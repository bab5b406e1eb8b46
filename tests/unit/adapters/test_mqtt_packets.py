"""PUBLISH packets as brokers send them, and as nobody should."""

from typing import Any

import paho.mqtt.client as paho
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from hub.adapters.mqtt.packets import Malformed, correlation_data, correlation_text, read_publish

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=50)


def packed(topic: str, body: bytes, mid: int = 0, **properties: Any) -> bytes:
    """What follows the length of a PUBLISH packet of MQTT 5."""
    made = Properties(PacketTypes.PUBLISH)
    for name, value in properties.items():
        setattr(made, name, value)
    encoded = topic.encode()
    number = mid.to_bytes(2, "big") if mid else b""
    return len(encoded).to_bytes(2, "big") + encoded + number + made.pack() + body


@given(TEXT.filter(bool), st.binary(max_size=100), st.lists(st.tuples(TEXT, TEXT), max_size=5), st.integers(1, 65_535))
def test_what_another_implementation_packed_is_read(
    topic: str, body: bytes, pairs: list[tuple[str, str]], mid: int
) -> None:
    more = {"UserProperty": pairs} if pairs else {}
    packet = packed(topic, body, mid, ContentType="text/plain", SubscriptionIdentifier=300, TopicAlias=3, **more)
    arrived = read_publish(0b0011_0010, packet, True)
    assert (arrived.topic, arrived.body, arrived.mid, arrived.qos) == (topic, body, mid, 1)
    assert (arrived.content_type, arrived.retained) == ("text/plain", False)
    for name, value in pairs:
        assert value in arrived.headers[name]


@given(st.binary(max_size=200), st.integers(0, 255), st.booleans())
def test_any_bytes_are_read_or_refused(packet: bytes, first: int, five: bool) -> None:
    try:
        read_publish(first, packet, five)
    except Malformed:
        pass  # the one way to say no


def test_a_message_of_311_has_no_properties() -> None:
    arrived = read_publish(0x31, b"\0\1t\0\1\2", False)
    assert (arrived.topic, arrived.body, arrived.headers) == ("t", b"\0\1\2", {"mqtt-retain": "true"})


def test_a_topic_that_is_no_text_is_read_all_the_same() -> None:
    assert read_publish(0x30, b"\0\2\xff\xfex", False).topic == "\ufffd\ufffd"


@given(st.binary(max_size=65))
def test_correlation_data_comes_back_as_it_was(data: bytes) -> None:
    assert correlation_data(correlation_text(data)) == data


@pytest.mark.parametrize("text", ["base64:§", "base64:a"])
def test_correlation_data_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        correlation_data(text)


def test_paho_still_has_what_the_adapter_replaces() -> None:
    """A name that paho keeps private: a new version of it must not pass this over in silence."""
    assert callable(paho.Client._handle_publish)

"""What a client's packet may look like."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.adapters.socketio.packets import Arguments, BadPacket, packet_class

Packet = packet_class(1000, 3)


@pytest.mark.parametrize(
    ("text", "kind", "namespace", "id", "data"),
    [
        ("0", 0, None, None, None),
        ("0/orders", 0, "/orders", None, None),
        ('0/orders,{"token":"x"}', 0, "/orders", None, {"token": "x"}),
        ("0/orders?a=1,", 0, "/orders", None, None),
        ("1/orders,", 1, "/orders", None, None),
        ('2["a"]', 2, None, None, ["a", Arguments(b"[]", 0)]),
        ('212["a", {"b":1.50} ]', 2, None, 12, ["a", Arguments(b'{"b":1.50}', 1)]),
        ('2/orders,0["a",1,"2"]', 2, "/orders", 0, ["a", Arguments(b'[1,"2"]', 2)]),
        ('2["a",18446744073709551617]', 2, None, None, ["a", Arguments(b"18446744073709551617", 1)]),
        ("31[]", 3, None, 1, []),
        ('3/orders,7["x",{}]', 3, "/orders", 7, ["x", {}]),
    ],
)
def test_good_packets(text: str, kind: int, namespace: str | None, id: int | None, data: Any) -> None:
    packet = Packet(encoded_packet=text)
    assert (packet.packet_type, packet.namespace, packet.id, packet.data) == (kind, namespace, id, data)
    assert packet.attachment_count == 0


def test_attachments_stand_in_their_places_as_base64() -> None:
    text = '52-1["a",{"second":{"_placeholder":true,"num":1}},[{"_placeholder":true,"num":0}]]'
    packet = Packet(encoded_packet=text)
    assert packet.attachment_count == 2
    assert packet.add_attachment(b"one") is False
    assert packet.add_attachment(b"two") is True
    assert packet.data == ["a", Arguments(b'[{"second":"dHdv"},["b25l"]]', 2, 2)]


def test_an_object_that_only_looks_like_a_place_stays() -> None:
    packet = Packet(encoded_packet='51-["a",{"_placeholder":"true","num":0},{"_placeholder":true,"num":0}]')
    assert packet.add_attachment(b"") is True
    assert packet.data[1].body == b'[{"_placeholder":"true","num":0},""]'


def test_an_acknowledgement_may_have_attachments() -> None:
    packet = Packet(encoded_packet='61-4[{"_placeholder":true,"num":0}]')
    assert packet.add_attachment(b"x") is True
    assert (packet.id, packet.data) == (4, [b"x"])


def test_a_message_is_bounded_with_its_attachments() -> None:
    packet = Packet(encoded_packet='52-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    packet.add_attachment(b"x" * 600)
    with pytest.raises(BadPacket, match="1000 bytes"):
        packet.add_attachment(b"x" * 600)


@given(st.text(alphabet='0123456-/,[]{}":abenum_placeholder \\\x00', max_size=60), st.binary(max_size=3))
def test_anything_else_is_a_bad_packet(text: str, attachment: bytes) -> None:
    """Whatever comes, it is a packet or a BadPacket."""
    if not text:
        return
    try:
        packet = Packet(encoded_packet=text)
        while packet.attachment_count and not packet.add_attachment(attachment):
            pass
    except BadPacket:
        return
    if packet.packet_type in (2, 5):
        assert isinstance(packet.data[1], Arguments)

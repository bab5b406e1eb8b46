"""To whom an outbound message goes, and what the client method gets."""

from typing import Any

import pytest

from hub.adapters.signalr.address import Address, address_of, arguments_of
from hub.adapters.signalr.settings import Settings, settings_of
from hub.adapters.whom import Whom
from hub.errors import Permanent, Rejected
from hub.model import Outgoing


@pytest.mark.parametrize(
    ("topic", "address"),
    [
        ("news", Address(Whom.ALL, "", "news")),
        ("factory/news", Address(Whom.ALL, "", "factory/news")),
        ("other:a/b", Address(Whom.ALL, "", "other:a/b")),
        ("group:line-4/news", Address(Whom.GROUP, "line-4", "news")),
        ("group:a/b:c/news", Address(Whom.GROUP, "a/b:c", "news")),
        ("user:ada/news", Address(Whom.USER, "ada", "news")),
        ("connection:x-_1/news", Address(Whom.CONNECTION, "x-_1", "news")),
    ],
)
def test_topics(topic: str, address: Address) -> None:
    assert address_of(topic) == address


@pytest.mark.parametrize("topic", ["group:news", "group:/news", "user:ada/", "connection:"])
def test_half_an_address_is_permanent(topic: str) -> None:
    with pytest.raises(Permanent, match="expected"):
        address_of(topic)


def outgoing(body: bytes, content_type: str, **headers: str) -> Outgoing:
    return Outgoing(id="1", to="live", topic="t", body=body, content_type=content_type, headers=headers)


@pytest.mark.parametrize(
    ("body", "content_type", "arguments"),
    [
        (b'{"a": [1]}', "application/json", [{"a": [1]}]),
        (b"[1, 2]", "application/json; charset=utf-8", [[1, 2]]),
        (b"", "application/json", [None]),
        (b"null", "application/cloudevents+json", [None]),
        ("größer".encode(), "text/plain", ["größer"]),
        (b"\xff\x00", "application/octet-stream", [b"\xff\x00"]),
    ],
)
def test_a_payload_is_one_argument(body: bytes, content_type: str, arguments: list[Any]) -> None:
    assert arguments_of(outgoing(body, content_type)) == arguments


def test_a_list_can_be_spread_over_several() -> None:
    spread = {"signalr-arguments": "spread"}
    assert arguments_of(outgoing(b'[1, "x"]', "application/json", **spread)) == [1, "x"]
    with pytest.raises(Permanent, match="list"):
        arguments_of(outgoing(b"{}", "application/json", **spread))
    with pytest.raises(Permanent, match="JSON"):
        arguments_of(outgoing(b"{", "application/json"))


def test_wrong_settings_name_their_field() -> None:
    assert settings_of({"path": "/live", "groups": ["a*"]}) == Settings(path="/live", groups=("a*",))
    with pytest.raises(Rejected) as error:
        settings_of({"max_message": "many"})
    assert error.value.field == "max_message"
    with pytest.raises(Rejected):
        settings_of({"colour": "red"})

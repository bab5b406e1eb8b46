"""To whom an outbound message goes, what the client's listener gets, and what settings are refused."""

from typing import Any

import pytest

from hub.adapters.socketio.address import Address, address_of, emission_of
from hub.adapters.socketio.settings import Settings, settings_of
from hub.adapters.whom import Whom
from hub.errors import Permanent, Rejected
from hub.model import Outgoing


@pytest.mark.parametrize(
    ("topic", "address", "room"),
    [
        ("news", Address("/", Whom.ALL, "", "news"), "all"),
        ("/news", Address("/", Whom.ALL, "", "/news"), "all"),
        ("a,b", Address("/", Whom.ALL, "", "a,b"), "all"),
        ("other:a/b", Address("/", Whom.ALL, "", "other:a/b"), "all"),
        ("/orders,news", Address("/orders", Whom.ALL, "", "news"), "all"),
        ("group:line-4/news", Address("/", Whom.GROUP, "line-4", "news"), "group:line-4"),
        ("/orders,group:a/b:c/news", Address("/orders", Whom.GROUP, "a/b:c", "news"), "group:a/b:c"),
        ("user:ada/news", Address("/", Whom.USER, "ada", "news"), "user:ada"),
        ("connection:x-_1/news", Address("/", Whom.CONNECTION, "x-_1", "news"), "connection:x-_1"),
    ],
)
def test_topics(topic: str, address: Address, room: str) -> None:
    assert address_of(topic) == address
    assert address.room == room


@pytest.mark.parametrize("topic", ["group:news", "group:/news", "user:ada/", "connection:", "/orders,user:x"])
def test_half_an_address_is_permanent(topic: str) -> None:
    with pytest.raises(Permanent, match="expected"):
        address_of(topic)


@pytest.mark.parametrize("topic", ["", "/orders,", "connect", "/orders,disconnect", "group:a/connect_error"])
def test_no_client_listens_to_such_an_event(topic: str) -> None:
    with pytest.raises(Permanent, match="cannot be named"):
        address_of(topic)


def arguments_of(body: bytes, content_type: str, **headers: str) -> tuple[Any, ...]:
    message = Outgoing(id="1", to="live", topic="t", body=body, content_type=content_type, headers=headers)
    return emission_of(message, address_of(message.topic)).arguments()


@pytest.mark.parametrize(
    ("body", "content_type", "argument"),
    [
        (b'{"a": [1]}', "application/json", {"a": [1]}),
        (b"[1, 2]", "application/json; charset=utf-8", [1, 2]),
        (b"", "application/json", None),
        ("größer".encode(), "text/plain", "größer"),
        (b"\xff\x00", "application/octet-stream", b"\xff\x00"),
    ],
)
def test_a_payload_is_one_argument(body: bytes, content_type: str, argument: Any) -> None:
    assert arguments_of(body, content_type) == (argument,)


def test_a_list_can_be_spread_over_several() -> None:
    spread = {"socketio-arguments": "spread"}
    assert arguments_of(b'[1, "x"]', "application/json", **spread) == (1, "x")
    with pytest.raises(Permanent, match="list"):
        arguments_of(b"{}", "application/json", **spread)
    with pytest.raises(Permanent, match="JSON"):
        arguments_of(b"{", "application/json")


def test_settings_have_defaults_and_refuse_what_cannot_be() -> None:
    assert settings_of({}) == Settings()
    assert settings_of({"namespaces": ["/", "/orders"]}).namespaces == ("/", "/orders")
    for namespaces in ([], ["orders"], ["/a,b"], ["/a?b"]):
        with pytest.raises(Rejected) as refused:
            settings_of({"namespaces": namespaces})
        assert refused.value.field == "namespaces"
    with pytest.raises(Rejected) as refused:
        settings_of({"max_message": "much"})
    assert refused.value.field == "max_message"
    with pytest.raises(Rejected, match="speed"):
        settings_of({"speed": 1})

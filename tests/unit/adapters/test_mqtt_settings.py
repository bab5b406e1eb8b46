"""What may stand in the entry of an MQTT adapter."""

from typing import Any

import pytest

from hub.adapters.mqtt.settings import parse
from hub.config import build
from hub.errors import Rejected


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({}, None),
        ({"url": "http://h"}, "url"),
        ({"url": "mqtt://"}, "url"),
        ({"url": "mqtt://h:x"}, "url"),
        ({"url": "mqtt://h", "version": "4"}, "version"),
        ({"url": "mqtt://h", "receive_maximum": 0}, "receive_maximum"),
        ({"url": "mqtt://h", "tls": {}}, "url"),
        ({"url": "mqtts://h", "tls": {"ca": 1}}, "tls.ca"),
        ({"url": "mqtt://h", "will": {"topic": "a/#"}}, "will.topic"),
        ({"url": "mqtt://h", "birth": {"topic": ""}}, "birth.topic"),
        ({"url": "mqtt://h", "unheard_of": 1}, None),
    ],
    ids=str,
)
def test_what_cannot_be_is_rejected_with_its_field(settings: dict[str, Any], field: str | None) -> None:
    with pytest.raises(Rejected) as caught:
        parse(settings)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://h", ("h", 1883, False, None)),
        ("mqtts://h:1", ("h", 1, True, None)),
        ("ws://h", ("h", 80, False, "/mqtt")),
        ("wss://h/broker/7", ("h", 443, True, "/broker/7")),
        ("mqtt://[::1]:1884", ("::1", 1884, False, None)),
    ],
)
def test_addresses(url: str, address: tuple[str, int, bool, str | None]) -> None:
    found = parse({"url": url}).address
    assert (found.host, found.port, found.secure, found.path) == address


def test_the_settings_stand_before_the_address() -> None:
    settings = parse({"url": "mqtt://a%40b:c%2Fd@h", "password": "other"})
    assert settings.credentials == ("a@b", "other")


def test_times_fit_the_protocol() -> None:
    settings = parse({"url": "mqtt://h", "keepalive": 0.2, "session_expiry": 1e12})
    assert (settings.keepalive_seconds, settings.expiry_seconds) == (1, 0xFFFF_FFFF)


def test_the_configuration_knows_every_setting() -> None:
    entry = {
        "type": "mqtt", "url": "mqtts://h", "username": "u", "tls": {"ca": "f", "insecure": True}, "client_id": "c",
        "version": "3.1.1", "qos": 0, "session_expiry": "1h", "keepalive": "30s", "receive_maximum": 7,
        "retained": False, "share": True, "group": "g", "will": {"topic": "t", "retain": True}, "birth": {"topic": "t"},
    }  # fmt: skip
    section = build({"adapters": {"plant": entry}}, {}).adapters["plant"]
    plain = section.model_dump(exclude={"type", "enabled", "url"}, exclude_none=True)
    settings = parse({**plain, "url": "mqtts://h"})
    assert (settings.session_expiry, settings.keepalive, settings.group) == (3600.0, 30.0, "g")
    assert settings.will is not None
    assert settings.will.retain

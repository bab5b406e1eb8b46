"""The AsyncAPI document: every route's channel and message, with nothing that points nowhere and no secret."""

import json
from collections.abc import Iterator
from functools import reduce
from operator import getitem
from typing import Any

from hub.api.asyncapi import asyncapi
from hub.config import build

CANARY = "s3cret-canary"
CONFIGURATION: dict[str, Any] = {
    "http": {"port": 8080},
    "adapters": {
        "web": {"type": "http"},
        "erp": {
            "type": "kafka",
            "url": "kafkas://broker:9093",
            "username": "u",
            "password": "${env:SECRET}",
            "group": "g",
        },
        "plant": {"type": "mqtt", "url": "mqtt://user:${env:SECRET}@plant:1883", "qos": 1},
        "mes": {"type": "activemq", "url": "stomp://mes:61613"},
        "live": {"type": "signalr", "path": "/signalr"},
    },
    "destinations": {"crm": {"url": "https://crm.example/hooks", "secret": "${env:SECRET}"}},
    "routes": [
        {
            "name": "orders",
            "from": "web",
            "handler": "h",
            "filter": "payload.id > `0`",
            "schema": {
                "type": "object",
                "properties": {"id": {"$ref": "#/$defs/n"}},
                "$defs": {"n": {"type": "integer"}},
            },
            "signature": {"scheme": "github", "secrets": ["${env:SECRET}"]},
        },
        {"name": "placed", "from": "erp", "topic": "orders.placed", "handler": "h"},
        {"name": "telemetry", "from": "plant", "topic": "plant/+/temperature/#", "handler": "h"},
        {
            "name": "forward",
            "from": "mes",
            "topic": "/queue/finished",
            "handler": "publish",
            "map": "{id: payload.id}",
            "with": {"to": "erp", "topic": "finished"},
        },
        {
            "name": "told",
            "from": "live",
            "topic": "PlaceOrder",
            "handler": "publish",
            "with": {"to": "crm", "topic": "t"},
        },
        {"name": "rest", "from": "erp", "topic": "^any.*", "drop": True},
    ],
}


def document() -> dict[str, Any]:
    return asyncapi(build(CONFIGURATION, {"SECRET": f"whsec_{CANARY}"}))


def references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        for name, each in value.items():
            if name == "$ref":
                yield each
            else:
                yield from references(each)


def test_every_reference_leads_somewhere() -> None:
    found = document()
    pointers = list(references(found))
    assert len(pointers) > 20
    for pointer in pointers:
        reduce(getitem, pointer.removeprefix("#/").split("/"), found)  # type: ignore[arg-type]  # of nested objects


def test_it_has_the_form_of_asyncapi_3() -> None:
    found = document()
    assert found["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(found["info"])
    assert all({"host", "protocol"} <= set(server) for server in found["servers"].values())
    for operation in found["operations"].values():
        assert operation["action"] in ("send", "receive")
        channel = operation["channel"]["$ref"]
        assert channel.startswith("#/channels/")
        assert all(each["$ref"].startswith(f"{channel}/messages/") for each in operation["messages"])


def test_channels_say_what_their_protocols_need() -> None:
    found = document()
    servers = {name: (server["host"], server["protocol"]) for name, server in found["servers"].items()}
    assert servers["erp"] == ("broker:9093", "kafka-secure")
    assert servers["plant"] == ("plant:1883", "mqtt")
    assert servers["mes"] == ("mes:61613", "stomp")
    assert servers["crm"] == ("crm.example", "https")
    assert (servers["live"], found["servers"]["live"]["pathname"]) == (("127.0.0.1:8080", "ws"), "/signalr")
    channels = {channel["title"]: channel for channel in found["channels"].values()}
    assert channels["orders.placed"]["bindings"]["kafka"]["topic"] == "orders.placed"
    assert channels["plant/+/temperature/#"]["address"] == "plant/{level2}/temperature/{rest}"
    assert set(channels["plant/+/temperature/#"]["parameters"]) == {"level2", "rest"}
    operations = found["operations"]
    assert operations["receive.placed"]["bindings"]["kafka"]["groupId"]["const"] == "g"
    assert operations["receive.telemetry"]["bindings"]["mqtt"]["qos"] == 1
    assert operations["receive.orders"]["bindings"]["http"]["method"] == "POST"
    assert operations["receive.orders"]["summary"] == "Run by h, signed by github, only where payload.id > `0`."


def test_what_only_passes_through_is_sent_as_well() -> None:
    operations = document()["operations"]
    assert {name for name, one in operations.items() if one["action"] == "send"} == {"send.forward", "send.told"}
    # Its map makes another message of it.
    assert operations["send.forward"]["messages"][0]["$ref"].endswith("/messages/forward.sent")
    assert operations["send.told"]["messages"][0]["$ref"].endswith("/messages/told")


def test_a_schema_keeps_its_own_references() -> None:
    found = document()
    inner = found["components"]["schemas"]["orders"]["schema"]["properties"]["id"]["$ref"]
    assert inner == "#/components/schemas/orders/schema/$defs/n"


def test_no_secret_is_in_it() -> None:
    assert CANARY not in json.dumps(document())
    assert "user" not in json.dumps(document()["servers"])

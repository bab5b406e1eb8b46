"""Topics that their broker would refuse, or that could match nothing, are found before anything runs."""

from typing import Any

import pytest

from hub.config import ConfigurationError, Fault, build

ADAPTERS = {
    "plant": {"type": "mqtt", "url": "mqtt://127.0.0.1"},
    "erp": {"type": "kafka", "url": "kafka://127.0.0.1"},
    "mes": {"type": "activemq", "url": "stomp://127.0.0.1"},
    "line": {"type": "memory"},
}


def faults(**sections: Any) -> list[Fault]:
    try:
        build({"adapters": ADAPTERS, **sections}, {})
    except ConfigurationError as error:
        return error.faults
    return []


def read(adapter: str, topic: str) -> list[Fault]:
    return faults(routes=[{"name": "r", "from": adapter, "topic": topic, "handler": "h"}])


@pytest.mark.parametrize(
    ("adapter", "topic", "remedy"),
    [
        ("plant", "a/#/b", 'did you mean "a/#"?'),
        ("plant", "a+/x", 'did you mean "+/x"?'),
        ("plant", "a/b#", 'did you mean "a/#"?'),
        ("plant", "#a", 'did you mean "#"?'),
        ("plant", "a/+b/#", 'did you mean "a/+/#"?'),
        ("plant", "$share/g", "$share/GROUP/plant/#"),
        ("plant", "$share//a", "$share/GROUP/plant/#"),
        ("plant", "$share/g/a/#/b", 'did you mean "a/#"?'),
        ("erp", "^orders.(", "without ^"),
        ("erp", "orders.*", "begins with ^"),
        ("erp", "*", "begins with ^"),
        ("erp", "or/ders", ""),
        ("mes", "orders", 'did you mean "/queue/orders" or "/topic/orders"?'),
        ("mes", "queue/orders", "/queue/NAME"),
        ("mes", "/orders", "/queue/NAME"),
        ("mes", "/queue/", "/queue/NAME"),
    ],
)
def test_a_topic_that_cannot_be_read_is_a_fault_with_its_remedy(adapter: str, topic: str, remedy: str) -> None:
    (fault,) = read(adapter, topic)
    assert fault.path == "routes[0].topic"
    assert remedy in (fault.suggestion or ""), fault


@pytest.mark.parametrize(
    ("adapter", "topic"),
    [
        ("plant", "#"),
        ("plant", "+"),
        ("plant", "/+/a//#"),
        ("plant", "$SYS/broker/+"),
        ("plant", "$share/g/a/+/#"),
        ("plant", "Hall 1/Öfen/$x"),
        ("erp", "^orders\\..*"),
        ("erp", "orders.placed_v1-eu"),
        ("mes", "/queue/orders.>"),
        ("mes", "/topic/plant.*.heat"),
        ("mes", "/exchange/amq.topic/a.#"),
        ("line", "any*thing/#/+x"),
    ],
)
def test_a_topic_that_can_be_read_is_none(adapter: str, topic: str) -> None:
    assert read(adapter, topic) == []


@pytest.mark.parametrize(
    ("to", "topic", "good"),
    [
        ("plant", "a/b", True),
        ("plant", "a/+", False),
        ("erp", "finished", True),
        ("erp", "^finished", False),
        ("mes", "/queue/finished", True),
        ("mes", "finished", False),
        ("line", "a/+", True),
    ],
)
def test_a_topic_that_is_sent_to_has_no_wildcards(to: str, topic: str, good: bool) -> None:
    route = {"name": "r", "from": "line", "handler": "publish", "with": {"to": to, "topic": topic}}
    assert [fault.path for fault in faults(routes=[route])] == ([] if good else ["routes[0].with.topic"])


def test_an_alert_needs_a_destination_that_its_broker_has() -> None:
    alert = {"metric": "dead_letters", "to": "mes"}
    assert [fault.path for fault in faults(alerts={"dead": alert})] == ["alerts.dead.topic"]
    assert faults(alerts={"dead": {**alert, "topic": "/topic/alerts"}, "to-plant": {**alert, "to": "plant"}}) == []


def test_all_of_them_are_said_at_once() -> None:
    routes = [
        {"name": "one", "from": "plant", "topic": "a/#/b", "handler": "h"},
        {"name": "two", "from": "erp", "topic": "^(", "handler": "h"},
        {"name": "three", "from": "mes", "topic": "x", "handler": "h"},
    ]
    assert [fault.path for fault in faults(routes=routes)] == [f"routes[{number}].topic" for number in range(3)]

"""Topic patterns mean what they mean to their broker."""

import pytest

from hub.ingest.topics import compile_topic, parts_of


@pytest.mark.parametrize(
    ("kind", "pattern", "topic", "wanted"),
    [
        ("mqtt", "plant/+/temperature", "plant/7/temperature", True),
        ("mqtt", "plant/+/temperature", "plant/7/8/temperature", False),
        ("mqtt", "plant/#", "plant", True),
        ("mqtt", "plant/#", "plant/7/8", True),
        ("mqtt", "plant/#", "plants", False),
        ("mqtt", "#", "$SYS/load", False),
        ("mqtt", "+/load", "$SYS/load", False),
        ("mqtt", "$SYS/#", "$SYS/load", True),
        ("mqtt", "$share/hub/plant/+", "plant/7", True),
        ("mqtt", "a/+", "a/", True),
        ("kafka", "orders.placed", "orders.placed", True),
        ("kafka", "orders.placed", "ordersXplaced", False),
        ("kafka", r"^orders\..*", "orders.placed", True),
        ("kafka", r"^orders\.", "orders.placed", False),
        ("activemq", "/queue/finished", "/queue/finished", True),
        ("activemq", "/topic/plant.*", "/topic/plant.7", True),
        ("activemq", "/topic/plant.*", "/topic/plant.7.8", False),
        ("activemq", "/topic/plant.>", "/topic/plant.7.8", True),
        ("activemq", "/topic/plant.>", "/topic/plant", True),
        ("activemq", "/topic/plant.>", "/topic/plants", False),
        ("activemq", "/topic/*.>", "/topic/plant", True),
        ("activemq", "/topic/>", "/topic/plant.7", True),
        ("activemq", "/topic/>", "/queue/plant", False),
        ("activemq", "/topic/*", "/topic/plant", True),
        ("activemq", "/topic/*", "/queue/plant", False),
        ("signalr", "Send*", "SendOrder", True),
        ("signalr", "Send", "send", False),
        ("http", None, "/webhooks/anything", True),
        ("memory", "a.c", "abc", False),
    ],
)
def test_a_topic_matches_as_its_broker_has_it(kind: str, pattern: str | None, topic: str, wanted: bool) -> None:
    assert compile_topic(pattern, kind)(topic) is wanted


def test_a_pattern_that_is_no_regular_expression_is_found_when_it_is_compiled() -> None:
    with pytest.raises(ValueError, match="no regular expression"):
        compile_topic("^(", "kafka")


@pytest.mark.parametrize(
    ("kind", "topic", "parts"),
    [
        ("mqtt", "plant/7/temperature", ["plant", "7", "temperature"]),
        ("kafka", "orders.placed", ["orders", "placed"]),
        ("activemq", "/queue/plant.7", ["plant", "7"]),
    ],
)
def test_parts_of_a_topic(kind: str, topic: str, parts: list[str]) -> None:
    assert parts_of(topic, kind) == parts

"""Topic filters of MQTT: which match, which cover one another, which may have brought a message."""

from itertools import product

import pytest
from paho.mqtt.client import topic_matches_sub

from hub.adapters.mqtt.filters import Filters, candidates, essential, plain, shared

LEVELS = ("a", "b", "+", "#")
FILTERS = sorted(
    "/".join(levels) for length in (1, 2, 3) for levels in product(LEVELS, repeat=length) if "#" not in levels[:-1]
)
TOPICS = sorted("/".join(levels) for length in (1, 2, 3, 4) for levels in product(("a", "b", ""), repeat=length))


@pytest.mark.parametrize("filter", [*FILTERS, "$SYS/#", "$SYS/+", "+/+/#"])
def test_a_filter_matches_as_the_protocol_says(filter: str) -> None:
    filters = Filters([filter])
    for topic in [*TOPICS, "$SYS/a", "$SYS", "/a", "a/"]:
        for _ in range(2):  # the second answer is a remembered one
            assert filters.match(topic) == topic_matches_sub(filter, topic), topic


@pytest.mark.parametrize("topic", ["a", "a/b", "a/b/c", "/a", "a/", "$SYS/broker"])
def test_the_candidates_of_a_topic_are_all_filters_that_match_it(topic: str) -> None:
    found = list(candidates(topic))
    assert len(found) == len(set(found))
    named = {*topic.split("/"), "+", "x"}
    every = {
        "/".join([*levels, *rest])
        for length in range(len(topic.split("/")) + 1)
        for levels in product(named, repeat=length)
        for rest in ([], ["#"])
        if levels or rest
    }
    assert {one for one in every if topic_matches_sub(one, topic)} <= set(found)


def test_a_topic_of_many_levels_has_a_bounded_number_of_candidates() -> None:
    found = list(candidates("/".join("abcdefghijklmnopqrstuvwxyz")))
    assert len(found) < 2000
    assert {"#", "a/b/#", "/".join("abcdefghijklmnopqrstuvwxy") + "/+"} <= set(found)


def test_what_another_filter_covers_is_left_out_and_nothing_else() -> None:
    for one, other in product(FILTERS, repeat=2):
        kept = essential([one, other])
        for topic in TOPICS:
            wanted = any(topic_matches_sub(each, topic) for each in (one, other))
            assert any(topic_matches_sub(each, topic) for each in kept) == wanted, (one, other, topic)
    assert essential(["a/#", "a", "a/b", "a/+/c", "b", "b"]) == ["a/#", "b"]
    assert essential(["#", "$SYS/a", "+/b"]) == ["#", "$SYS/a"]
    assert essential(["a/+", "+/b"]) == ["a/+", "+/b"]


def test_shared_subscriptions() -> None:
    assert shared(["a/#", "$share/other/b"], "hub") == ["$share/hub/a/#", "$share/other/b"]
    assert [plain(one) for one in ("$share/hub/a/#", "a/#", "$share/x")] == ["a/#", "a/#", "$share/x"]

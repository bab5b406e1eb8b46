"""Durations, sizes, times and expressions: both ways of writing them, and what is refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hub.config import Fault, build
from hub.config.faults import Invalid
from hub.config.values import seconds

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (5, 5.0),
        (0.25, 0.25),
        ("500ms", 0.5),
        ("30s", 30.0),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("7d", 604_800.0),
        ("1.5m", 90.0),
        ("0s", 0.0),
    ],
)
def test_durations(written: object, expected: float) -> None:
    assert seconds(written) == expected


@given(st.integers(min_value=0, max_value=36_500), st.sampled_from(sorted(UNITS)))
def test_a_duration_with_a_unit_is_its_number_of_seconds(number: int, unit: str) -> None:
    assert seconds(f"{number}{unit}") == pytest.approx(number * UNITS[unit], rel=1e-12)
    assert seconds(number) == number


@given(st.floats(min_value=0, max_value=1e9) | st.integers(min_value=0, max_value=10**9))
def test_a_number_is_taken_as_it_is(number: float) -> None:
    assert seconds(number) == number


@given(st.text() | st.from_regex(r"[0-9.]{1,4} ?(ms|s|min|h|d|w)?"))
def test_any_other_text_is_refused(text: str) -> None:
    assume(not re.fullmatch(r"[0-9]+(\.[0-9]+)?(ms|s|m|h|d)", text))
    with pytest.raises(Invalid) as caught:
        seconds(text)
    assert caught.value.suggestion


@pytest.mark.parametrize(
    "written",
    [
        -1,
        True,
        None,
        [],
        {},
        "",
        "5 m",
        "5M",
        "m",
        "-5s",
        "1e3s",
        "٣s",
        "5s\n",
        float("nan"),
        float("inf"),
        10**400,
        "1" * 50,
    ],
)
def test_no_durations(written: object) -> None:
    with pytest.raises(Invalid):
        seconds(written)


def test_a_bare_number_in_text_is_told_its_unit(faults: Any) -> None:
    found = faults({"jobs": {"lease": "30"}})
    assert found == {
        "jobs.lease": Fault("jobs.lease", '"30" is no duration', 'write "30s" or the number 30'),
    }


def test_a_duration_that_must_pass_may_not_be_0(faults: Any) -> None:
    assert faults({"jobs": {"poll_interval": 0}})["jobs.poll_interval"].message == "must be longer than 0"
    assert build({"jobs": {"shutdown_timeout": 0}}, {}).jobs.shutdown_timeout == 0


def test_sizes(faults: Any) -> None:
    http = {"max_body": "2MiB", "max_payload": 1000}
    configuration = build({"http": http, "jobs": {"history_input": "1 KB"}}, {})
    assert configuration.http.max_body == 2 * 1024 * 1024
    assert configuration.http.max_payload == 1000
    assert configuration.jobs.history_input == 1000
    bad = {"max_body": "1 megabyte", "max_payload": 1.5}
    assert set(faults({"http": bad})) == {"http.max_body", "http.max_payload"}


def test_times_are_utc(faults: Any) -> None:
    schedule = {"handler": "a", "interval": 60}
    entries = {
        "zoned": {**schedule, "start_at": "2026-01-31T08:00:00+02:00"},
        "naive": {**schedule, "start_at": "2026-01-31T08:00:00"},
    }
    schedules = build({"schedules": entries}, {}).schedules
    assert schedules["zoned"].start_at == datetime(2026, 1, 31, 6, tzinfo=UTC)
    assert schedules["naive"].start_at == datetime(2026, 1, 31, 8, tzinfo=UTC)
    found = faults({"schedules": {"x": {**schedule, "start_at": "tomorrow", "end_at": 5}}})
    assert set(found) == {"schedules.x.start_at", "schedules.x.end_at"}


def test_a_schedule_s_zone_interval_and_cron(faults: Any) -> None:
    found = faults(
        {
            "schedules": {
                "zone": {"handler": "a", "cron": "0 8 * * *", "timezone": "Mars/Olympus"},
                "short": {"handler": "a", "interval": "500ms"},
                "negative": {"handler": "a", "interval": -5},
                "fields": {"handler": "a", "cron": "0 8 * *"},
                "long": {"handler": "a", "cron": "0 8 * * " + "*" * 1_000_000},
            }
        }
    )
    assert list(found) == [
        "schedules.zone.timezone",
        "schedules.short.interval",
        "schedules.negative.interval",
        "schedules.fields.cron",
        "schedules.long.cron",
    ]
    assert all(len(str(fault)) < 300 for fault in found.values())


@pytest.mark.parametrize("key", ["filter", "map", "dedupe_key", "ordering_key"])
@pytest.mark.parametrize("expression", ["payload.", "a[", "", "(" * 5000])
def test_an_expression_that_does_not_compile(faults: Any, full: dict[str, Any], key: str, expression: str) -> None:
    full["routes"][1][key] = expression
    found = faults(full)
    assert list(found) == [f"routes[1].{key}"]
    assert "is no JMESPath expression" in found[f"routes[1].{key}"].message


@pytest.mark.parametrize(
    ("expression", "message", "hint"),
    [
        ('payload.kind == "order"', 'names "order", but there are only payload, key,', "a text is written 'so'"),
        ("payload.open == true", 'names "true", but there are', "true, false and null stand between backticks"),
        ("payloa.id", 'names "payloa", but there are', 'did you mean "payload"?'),
        ("{id: payload.id, tag: [kind]}", 'names "kind", but there are', "a text is written"),
        ("payload.total > 0", 'token "0" (NUMBER)', "a number stands between backticks: `0`"),
        ("$.payload", "Unknown token $", None),
    ],
)
def test_an_expression_that_would_find_nothing_in_any_message(
    faults: Any, full: dict[str, Any], expression: str, message: str, hint: str | None
) -> None:
    full["routes"][1]["filter"] = expression
    found = faults(full)["routes[1].filter"]
    assert message in found.message
    assert not found.message.endswith(":")
    assert (hint or "") in (found.suggestion or "")
    assert (hint is None) == (found.suggestion is None)


@pytest.mark.parametrize(
    "expression",
    [
        "@",
        "length(@)",
        "payload",
        "payload.items[?kind == 'a' && count > `0`].name | [0]",
        "sort_by(payload.list, &rank)[-1].id",
        "map(&x, payload.list)",
        "payload.*.x",
        "payload.list[].{id: id, at: timestamp}",
        "{id: payload.id, at: timestamp, from: [adapter, topic_parts[1], topic, headers.kind || key]}",
        "!payload.closed && payload.kind == 'order'",
        "payload.list[1:2]",
    ],
)
def test_an_expression_names_what_it_likes_within_what_it_has_found(
    full: dict[str, Any], secrets: dict[str, str], expression: str
) -> None:
    full["routes"][1]["map"] = expression
    assert build(full, secrets).routes[1].map == expression


def test_a_limit_s_key_sees_a_job_not_a_message(faults: Any) -> None:
    limits = {
        "a": {"rate": 1, "key": "[payload.tenant, metadata.user, ordering_key]"},
        "b": {"rate": 1, "key": "topic"},
    }
    found = faults({"jobs": {"limits": limits}})
    assert list(found) == ["jobs.limits.b.key"]
    assert "only payload, metadata, ordering_key" in found["jobs.limits.b.key"].message

"""Options' texts and what they mean."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from hub.cli import values
from hub.model import Failure


@pytest.mark.parametrize(
    ("text", "expected"), [("500ms", 0.5), ("30s", 30.0), ("5m", 300.0), ("2h", 7200.0), ("7d", 604800.0), ("1.5", 1.5)]
)
def test_durations(text: str, expected: float) -> None:
    assert values.duration(text) == expected


@pytest.mark.parametrize("text", ["", "5x", "-1s", "five", "1e3", "nan", "\u0661s"])
def test_what_is_no_duration_is_told_with_an_example(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="write it like 500ms, 30s, 5m, 2h, 7d"):
        values.duration(text)


def test_a_timeout_is_longer_than_nothing() -> None:
    with pytest.raises(typer.BadParameter, match="longer than 0"):
        values.positive_duration("0s")


@pytest.mark.parametrize(
    "text", ["2026-01-31T08:00:00Z", "2026-01-31T08:00:00", "2026-01-31T09:00:00+01:00", "2026-01-31 08:00"]
)
def test_times_are_utc(text: str) -> None:
    assert values.instant(text) == datetime(2026, 1, 31, 8, tzinfo=UTC)


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01", "", "0001-01-01T00:00:00+23:00"])
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="write it like 2026-01-31T08:00:00Z"):
        values.instant(text)


def test_the_past_is_a_time_or_how_long_ago() -> None:
    assert values.past("2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)
    found = values.past("2h")
    assert timedelta(hours=2) <= datetime.now(UTC) - found < timedelta(hours=2, minutes=1)
    with pytest.raises(typer.BadParameter):
        values.past("yesterday")


def test_a_status_is_a_word() -> None:
    assert values.status("failed") == 4
    assert values.status("Processing") == 2
    with pytest.raises(typer.BadParameter, match='did you mean "completed"'):
        values.status("complete")


def test_a_reason_is_a_word() -> None:
    assert [values.failure(each.value.title()) for each in Failure] == list(Failure)
    with pytest.raises(typer.BadParameter, match='did you mean "exhausted"'):
        values.failure("exhuasted")


def test_a_role_and_a_state_of_workflows_are_words() -> None:
    assert (values.role("Viewer"), values.workflow_status("failed")) == ("viewer", "failed")
    with pytest.raises(typer.BadParameter, match='did you mean "operator"'):
        values.role("operater")
    with pytest.raises(typer.BadParameter, match="choose from pending, running, completed, failed, cancelled"):
        values.workflow_status("x")


@pytest.mark.parametrize("text", ["", "x", "0", "201", "1.5", "1e2", "-5", "\u0661", "9" * 5000])
def test_a_number_that_is_none_or_out_of_bounds_is_told_with_the_bounds(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no whole number from 1 to 200"):
        values.whole(1, 200)(text)


def test_numbers() -> None:
    assert [values.whole(-3, 200)(text) for text in ("1", "200", "-3", "007")] == [1, 200, -3, 7]


def test_names_are_separated_by_commas() -> None:
    assert values.names("default, critical") == ("default", "critical")
    with pytest.raises(typer.BadParameter):
        values.names("default,,critical")


def test_metadata_is_an_object() -> None:
    assert values.json_object('{"a": 1}') == {"a": 1}
    with pytest.raises(typer.BadParameter, match="JSON object"):
        values.json_object("[1]")

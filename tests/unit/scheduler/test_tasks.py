"""What the column of a run's progress may hold: anybody may write there."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hub.scheduler.tasks import read_interval

RUN = '{"interval_id": "i", "job_id": "j", "status": "running", "started_at": "%s", "tasks": []}'


@pytest.mark.parametrize(
    "text",
    [None, "", "none", "[]", "{}", RUN % "now", RUN % "0001-01-01T00:00:00+14:00", RUN % "9999-12-31T23:00:00-02:00"],
)
def test_what_is_no_run_is_none(text: str | None) -> None:
    assert read_interval(text) is None


@pytest.mark.parametrize("at", ["2026-01-01T12:00:00Z", "2026-01-01T14:00:00+02:00", "2026-01-01T12:00:00"])
def test_a_run_begins_at_an_instant(at: str) -> None:
    found = read_interval(RUN % at)
    assert found is not None
    assert found.started_at == datetime(2026, 1, 1, 12, tzinfo=UTC)

"""Ids and time."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from hub.clock import SystemClock, backoff


def test_ids_are_uuids_of_version_7_that_ascend() -> None:
    clock = SystemClock()
    ids = [clock.new_id() for _ in range(10_000)]
    assert ids == sorted(set(ids))
    parsed = uuid.UUID(ids[0])
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    made = datetime.fromtimestamp((parsed.int >> 80) / 1000, UTC)
    assert abs(datetime.now(UTC) - made) < timedelta(minutes=1)


def test_random_numbers_of_a_seed_repeat() -> None:
    assert [SystemClock(7).random() for _ in range(3)] == [SystemClock(7).random()] * 3


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0.1), (1, 0.2), (5, 3.2), (6, 5.0), (1024, 5.0), (100_000, 5.0)])
def test_pauses_double_up_to_a_bound_however_long_an_outage_lasts(failures: int, seconds: float) -> None:
    assert backoff(0.1, failures, 5.0) == pytest.approx(seconds)

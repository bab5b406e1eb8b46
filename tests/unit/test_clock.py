"""Ids and time."""

import uuid
from datetime import UTC, datetime, timedelta

from hub.clock import SystemClock


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

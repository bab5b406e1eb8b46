"""The clock that moves when it is told to."""

from datetime import UTC, datetime, timedelta

import pytest

from hub.clock import Clock
from hub.testing import FakeClock


def test_it_stands_still() -> None:
    clock: Clock = FakeClock(datetime.fromisoformat("2026-01-31T08:00"))
    assert clock.now() == clock.now() == datetime(2026, 1, 31, 8, tzinfo=UTC)
    assert clock.monotonic() == clock.monotonic() == 0.0


def test_advancing_moves_both_times() -> None:
    clock = FakeClock(datetime(2026, 1, 31, 8, tzinfo=UTC))
    clock.advance(timedelta(hours=1))
    clock.advance(0.5)
    assert clock.now() == datetime(2026, 1, 31, 9, 0, 0, 500_000, tzinfo=UTC)
    assert clock.monotonic() == 3600.5
    with pytest.raises(ValueError, match="forwards"):
        clock.advance(-1)


def test_setting_moves_the_time_of_day_alone() -> None:
    clock = FakeClock()
    clock.advance(5)
    clock.set(datetime(2020, 1, 1, 1, tzinfo=UTC))
    assert clock.now().year == 2020
    assert clock.monotonic() == 5.0


def test_ids_and_dice_are_the_same_in_every_run() -> None:
    first, second = FakeClock(seed=7), FakeClock(seed=7)
    assert [first.random() for _ in range(3)] == [second.random() for _ in range(3)]
    second.random()  # ids do not depend on it
    assert [first.new_id() for _ in range(3)] == [second.new_id() for _ in range(3)]
    assert FakeClock(seed=8).new_id() != FakeClock(seed=7).new_id()


def test_ids_ascend_whatever_the_time_of_day_does() -> None:
    clock = FakeClock()
    ids = [clock.new_id(), clock.new_id()]
    clock.advance(60)
    ids.append(clock.new_id())
    clock.set(datetime(2020, 1, 1, tzinfo=UTC))
    ids.append(clock.new_id())
    assert ids == sorted(ids)
    assert len(set(ids)) == 4
    assert all(each[14] == "7" for each in ids)

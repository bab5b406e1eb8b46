"""What becomes of a schedule that is due: its fires, and when it fires next."""

from datetime import UTC, datetime, timedelta

import pytest

from hub.scheduler.calendar import IntervalSpec
from hub.scheduler.policy import Decision, Policy, decide

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOURLY = IntervalSpec(seconds=3600, anchor=NOON)


def at(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def decided(now: datetime, misfire: str = "once", overlap: str = "allow", **policy: object) -> Decision:
    return decide(HOURLY, at(1), now, Policy(misfire=misfire, overlap=overlap, **policy))  # type: ignore[arg-type]


def test_in_time() -> None:
    assert decided(at(1)) == Decision([at(1)], at(2))


@pytest.mark.parametrize(("late", "fires"), [(60, [at(1)]), (60.000001, [])])
def test_what_is_skipped_is_later_than_the_grace(late: float, fires: list[datetime]) -> None:
    assert decided(at(1) + timedelta(seconds=late), "skip", grace=60).fires == fires


def test_of_several_that_were_missed_one_fires_where_an_unfinished_one_has_precedence() -> None:
    assert decided(at(4), "all").fires == [at(1), at(2), at(3), at(4)]
    assert decided(at(4), "all", "skip").fires == [at(4)]


def test_the_bound_leaves_out_the_last() -> None:
    assert decided(at(4), "all", bound=2) == Decision([at(1), at(2)], at(5))


def test_the_executions_that_are_left() -> None:
    assert decided(at(4), "all", left=3).fires == [at(1), at(2), at(3)]
    assert decided(at(4), left=0) == Decision([], None)


@pytest.mark.parametrize("misfire", ["once", "all"])
def test_the_end_of_the_window(misfire: str) -> None:
    assert decided(at(1), misfire, end=at(2)) == Decision([at(1)], at(2))
    assert decided(at(1), misfire, end=at(1)) == Decision([at(1)], None)
    assert decided(at(4), misfire, end=at(1)) == Decision([at(1)], None)
    assert decided(at(4), misfire, end=at(0.5)) == Decision([], None)

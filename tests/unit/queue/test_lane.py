"""How much a lane asks for."""

from hub.queue.lane import LARGEST_CLAIM, Lane


def test_a_new_lane_asks_for_what_it_can_start() -> None:
    assert Lane("default", 10).wanted(free=100, now=0.0) == 10
    assert Lane("default", 100).wanted(free=3, now=0.0) == 3


def test_a_lane_that_is_full_asks_for_nothing_while_its_handlers_are_slow() -> None:
    lane = Lane("default", 10)
    lane.running = 10
    for second in range(10):
        lane.finished(2)
        assert lane.wanted(free=90, now=float(second)) == 0


def test_fast_handlers_are_claimed_for_ahead_and_within_bounds() -> None:
    lane = Lane("default", 10)
    now = 0.0
    lane.wanted(free=10, now=now)
    for _ in range(20):
        now += 0.1
        lane.finished(100)  # 1,000 a second: some 50 in 50 ms
        wanted = lane.wanted(free=10, now=now)
    assert 50 <= wanted <= 60
    for _ in range(20):
        now += 0.1
        lane.finished(10_000)
        wanted = lane.wanted(free=10, now=now)
    assert wanted == LARGEST_CLAIM


def test_while_enough_waits_nothing_is_asked_for() -> None:
    lane = Lane("default", 10)
    lane.push([object()] * 20)  # type: ignore[list-item]  # only counted here
    assert lane.wanted(free=10, now=0.0) == 0
    lane.pop()
    assert lane.wanted(free=10, now=0.0) == 10

"""Where a claim goes on: only while claims are slow, and never past what it has not met."""

from hub.queue.floors import SLOW, Floors


def slow() -> Floors:
    """After a full claim that took too long, with what the database then answered."""
    floors = Floors()
    floors.claimed([(5, 10), (0, 20)], full=True, now=0.0, took=2 * SLOW)
    floors.learn([(5, 11), (0, 7)], now=0.0, took=0.0)
    return floors


def test_quick_claims_have_none() -> None:
    floors = Floors()
    floors.claimed([(0, 10)], full=True, now=0.0, took=SLOW / 2)
    assert not floors.stale(0.0)
    assert floors.arrays() == (None, None)


def test_a_slow_claim_that_found_little_has_none_either() -> None:
    floors = Floors()
    floors.claimed([(0, 10)], full=False, now=0.0, took=2 * SLOW)
    assert not floors.wanted


def test_after_a_slow_claim_the_heads_are_asked_for_first() -> None:
    floors = Floors()
    floors.claimed([(0, 10)], full=True, now=0.0, took=2 * SLOW)
    assert floors.stale(0.0)
    assert floors.arrays() == (None, None)


def test_each_priority_goes_on_where_it_was() -> None:
    floors = slow()
    floors.claimed([(5, 30), (5, 12), (0, 8)], full=True, now=0.1, took=SLOW)
    assert floors.arrays() == ([5, 0], [30, 8])


def test_a_floor_never_sinks() -> None:
    floors = slow()
    floors.claimed([(5, 30)], full=True, now=0.1, took=SLOW)
    floors.claimed([(5, 12)], full=True, now=0.2, took=SLOW)
    assert floors.arrays() == ([5, 0], [30, 7])


def test_heads_are_asked_for_every_second_and_seldom_if_that_is_slow() -> None:
    floors = slow()
    assert not floors.stale(0.9)
    assert floors.stale(1.0)
    floors.learn([(0, 1)], now=1.0, took=0.1)
    assert not floors.stale(2.9)
    assert floors.stale(3.0)


def test_a_claim_that_comes_up_short_ends_them_so_that_an_idle_queue_costs_one_trip_again() -> None:
    floors = slow()
    floors.claimed([(5, 12)], full=False, now=0.1, took=SLOW)
    assert not floors.wanted
    assert not floors.stale(0.1)
    assert floors.arrays() == (None, None)


def test_now_and_then_a_claim_without_floors_tells_whether_the_way_is_still_long() -> None:
    floors = slow()
    floors.claimed([(5, 12)], full=True, now=10.0, took=0.001)
    assert not floors.wanted
    assert floors.arrays() == (None, None)

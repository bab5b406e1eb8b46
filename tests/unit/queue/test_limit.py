"""Limits, decided: no more slots than there are, no more starts than the rate has, turns that are kept."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.queue.limit import BURST, Asking, Limit, State, decide

ONE = Asking(instance="one", mine=0, ttl=30.0)


def jobs(count: int, prefix: str = "job") -> list[str]:
    return [f"{prefix}-{number}" for number in range(count)]


def test_slots_are_given_in_order_and_no_more_than_there_are() -> None:
    decision = decide(Limit(concurrency=3), State(), jobs(5), ONE, 100.0)
    assert decision.admitted == ["job-0", "job-1", "job-2"]
    assert decision.state.held == {"one": (3, 130.0)}
    assert list(decision.delays) == ["job-3", "job-4"]
    assert 0 < decision.delays["job-3"] < decision.delays["job-4"]


def test_the_slots_of_others_count_until_they_are_over() -> None:
    state = State(held={"other": (2, 110.0), "gone": (5, 99.0)})
    assert decide(Limit(concurrency=3), state, jobs(5), ONE, 100.0).admitted == ["job-0"]
    assert len(decide(Limit(concurrency=3), state, jobs(5), ONE, 111.0).admitted) == 3


def test_its_own_slots_are_what_it_says_now() -> None:
    state = State(held={"one": (3, 110.0)})
    assert decide(Limit(concurrency=3), state, ["a"], ONE, 100.0).admitted == ["a"]
    full = Asking(instance="one", mine=3, ttl=30.0)
    assert decide(Limit(concurrency=3), state, ["a"], full, 100.0).admitted == []


def test_one_that_was_told_a_turn_has_it_kept() -> None:
    limit = Limit(rate=1.0)
    first = decide(limit, State(), jobs(4), ONE, 100.0)
    assert first.admitted == ["job-0"]
    turns = {job: 100.0 + delay for job, delay in first.delays.items()}
    # Others that come in between take none of what was promised.
    state = decide(limit, first.state, jobs(3, "late"), ONE, 100.5).state
    for job, turn in turns.items():
        decision = decide(limit, state, [job], ONE, turn)
        assert decision.admitted == [job]
        state = decision.state


def test_one_that_comes_before_its_turn_is_told_the_same_again() -> None:
    limit = Limit(rate=1.0)
    first = decide(limit, State(), jobs(3), ONE, 100.0)
    again = decide(limit, first.state, ["job-2"], ONE, 100.5)
    assert again.delays["job-2"] == pytest.approx(first.delays["job-2"] - 0.5)
    assert again.state.booked == first.state.booked


@pytest.mark.parametrize("in_line", [True, False])
def test_another_rate_is_not_bound_by_what_the_first_one_promised(in_line: bool) -> None:
    asking = Asking(instance="one", mine=0, ttl=30.0, in_line=in_line)
    slow = decide(Limit(rate=0.01), State(), jobs(5), asking, 100.0)
    assert slow.admitted == ["job-0"]
    fast = decide(Limit(rate=10.0), slow.state, jobs(5), asking, 101.0)
    assert "job-0" in fast.admitted
    assert max(fast.delays.values()) < 1
    # And a lower one begins at once.
    assert decide(Limit(rate=0.01), fast.state, jobs(5, "late"), asking, 101.0).admitted == []


def test_without_a_line_nothing_is_promised() -> None:
    asking = Asking(instance="one", mine=0, ttl=30.0, in_line=False)
    first = decide(Limit(rate=1.0), State(), jobs(3), asking, 100.0)
    assert first.state.line == {}
    assert decide(Limit(rate=1.0), first.state, ["late"], asking, 101.0).admitted == ["late"]


@settings(max_examples=200, deadline=None)
@given(
    rate=st.floats(0.2, 2000),
    steps=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 60)), min_size=1, max_size=30),
    seed=st.integers(0, 10),
)
def test_no_span_has_more_starts_than_the_rate_allows(rate: float, steps: list[tuple[float, int]], seed: int) -> None:
    """New jobs at any time, and the refused ones when they were told to come back."""
    chance, limit, state, now = random.Random(seed), Limit(rate=rate), State(), 1000.0
    starts: list[float] = []
    waiting: dict[str, float] = {}
    for number, (pause, count) in enumerate(steps):
        now += pause
        asking = [job for job, due in waiting.items() if due <= now] + jobs(count, f"step-{number}")
        chance.shuffle(asking)
        decision = decide(limit, state, asking, Asking(instance=f"i{number % 3}", mine=0, ttl=30), now)
        state = decision.state
        assert set(decision.admitted) | set(decision.delays) == set(asking)
        assert not set(decision.admitted) & set(decision.delays)
        assert all(0 < delay <= max(60.0, 300 / rate + 60) for delay in decision.delays.values())
        waiting = {job: due for job, due in waiting.items() if job not in asking}
        waiting |= {job: now + delay for job, delay in decision.delays.items()}
        starts += [now] * len(decision.admitted)
    for index, first in enumerate(starts):
        for last, at in enumerate(starts[index:], start=index):
            assert last - index + 1 <= (at - first) * rate + rate * BURST + 2

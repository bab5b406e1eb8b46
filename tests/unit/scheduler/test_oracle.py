"""The calendar against an oracle that looks at every minute.

HUB_TEST_CRON=10000 compares so many expressions over two years each (seed by HUB_TEST_SEED), which takes a while.
"""

import os
import random
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import Rejected
from hub.scheduler.calendar import CronSpec, fires, last_fire, next_fire, zone
from hub.scheduler.cron import parse
from tests.unit.scheduler import oracle

LONG = int(os.environ.get("HUB_TEST_CRON", "0"))
SEED = int(os.environ.get("HUB_TEST_SEED", "1"))


def agree(spec: CronSpec, expected: list[datetime], start: datetime, end: datetime, dice: random.Random) -> None:
    """The calendar has these fires between `start` and `end`, and from wherever one asks it answers the next one."""
    found = fires(spec, start - timedelta(microseconds=1), len(expected) + 1)
    assert [each for each in found if each < end] == expected
    middle = start + (end - start) / 2  # where the clocks turn, if they do
    for number in range(20):
        after = start + timedelta(seconds=dice.randrange(int((end - start).total_seconds())))
        if number % 2:
            after = middle + timedelta(minutes=dice.randint(-150, 150))
        index = bisect_right(expected, after)
        if index < len(expected):
            assert next_fire(spec, after) == expected[index]
        if index > 0:
            assert last_fire(spec, expected[0], after) == expected[index - 1]


@settings(max_examples=120, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(oracle.ZONES), st.integers(2005, 2037))
def test_around_turns_of_clocks_and_leap_days(dice: random.Random, name: str, year: int) -> None:
    text, meaning = oracle.expression(dice)
    around = dice.choice([*oracle.turns(name, year), datetime(year, 2, 28, 12, tzinfo=UTC)])
    start, length = around - timedelta(days=2), timedelta(days=4)
    shown = oracle.window(name, start, length)
    expected = [shown.at(number) for number in oracle.brute_force(meaning, shown)]
    try:
        spec = CronSpec(parse(text), zone(name))
    except Rejected:
        assert expected == []
        return
    agree(spec, expected, start, start + length, dice)


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(oracle.ZONES), st.integers(2005, 2037))
def test_by_the_second(dice: random.Random, name: str, year: int) -> None:
    text, meaning = oracle.expression(dice, with_seconds=True)
    around = dice.choice([*oracle.turns(name, year), datetime(year, 2, 28, 23, tzinfo=UTC)])
    start, length = around - timedelta(hours=3), timedelta(hours=6)
    shown = oracle.window(name, start, length, timedelta(seconds=1))
    expected = [shown.at(number) for number in oracle.brute_force(meaning, shown)]
    try:
        spec = CronSpec(parse(text), zone(name))
    except Rejected:
        assert expected == []
        return
    agree(spec, expected, start, start + length, dice)


@pytest.mark.slow
@pytest.mark.skipif(not LONG, reason="HUB_TEST_CRON says how many expressions")
@pytest.mark.timeout(0)
def test_two_years_minute_by_minute() -> None:
    dice = random.Random(SEED)
    plan = sorted(
        (number % len(oracle.ZONES), dice.choice([2007, 2011, 2015, 2019, 2023, 2027])) for number in range(LONG)
    )
    compared = 0
    for at, year in plan:
        name = oracle.ZONES[at]
        start = datetime(year, 3, 1, 0, 0, tzinfo=UTC)  # the leap day of the next year lies in the middle
        length = timedelta(days=731)
        text, meaning = oracle.expression(dice)
        shown = oracle.window(name, start, length)
        expected = oracle.brute_force(meaning, shown)
        try:
            spec = CronSpec(parse(text), zone(name))
        except Rejected:
            assert expected == [], text
            continue
        turns = [turn for each in (year, year + 1, year + 2) for turn in oracle.turns(name, each)]
        for one, following in _to_compare(expected, [(turn - start) // shown.step for turn in turns], dice):
            assert next_fire(spec, shown.at(one)) == shown.at(following), (text, name, shown.at(one))
        if expected:
            assert next_fire(spec, start - timedelta(seconds=1)) == shown.at(expected[0]), (text, name)
        after = next_fire(spec, shown.at(expected[-1]) if expected else start)
        assert after is None or after >= start + length, (text, name)
        compared += 1
    assert compared > LONG * 0.8


def _to_compare(expected: list[int], turns: list[int], dice: random.Random) -> list[tuple[int, int]]:
    """Fires with their successors: all of a sparse schedule; of a dense one those near a turn, and a sample."""
    pairs = list(pairwise(expected))
    if len(pairs) <= 2000:
        return pairs
    near = []
    for turn in turns:
        low, high = bisect_right(expected, turn - 1560), bisect_right(expected, turn + 1560)
        near += pairs[low : min(high, low + 200)] + pairs[max(low, high - 200) : high]
        middle = bisect_right(expected, turn)
        near += pairs[max(0, middle - 70) : middle + 70]
    return near + dice.sample(pairs, 500)

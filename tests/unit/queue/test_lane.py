"""How much a lane asks for."""

from typing import Any

from hub.model import Claim
from hub.queue.attempt import Attempt
from hub.queue.lane import LARGEST_CLAIM, Lane, Run


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


# --- jobs that run together ------------------------------------------------------------------------------------------


def runs(*handlers: str) -> list[Run]:
    return [[Attempt(claim(handler, number), Nobody(), 0.0)] for number, handler in enumerate(handlers)]


def claim(handler: str, number: int) -> Claim:
    return Claim(
        str(number), 1, handler, None, "application/json", "text", "default", 0, 3, 0, 0, 0, None, None, None, 2, None,
        "internal", None, None, None, 0.0,
    )  # fmt: skip


class Nobody:
    steps: Any = None

    def begin(self, attempt: Attempt) -> Any: ...


def test_jobs_of_a_handler_are_taken_in_order_past_those_of_others() -> None:
    lane = Lane("default", 10)
    for run in runs("a", "b", "a", "b"):
        lane.push(run)
    found = [lane.pop_first(lambda run: run[0].claim.handler == "a") for _ in range(3)]
    taken = [run[0].claim.id for run in found if run is not None]
    assert taken == ["0", "2"]
    assert lane.waiting == 2
    assert lane.pop()[0].claim.id == "1"


def test_a_run_that_is_too_long_stays_where_it_is() -> None:
    lane = Lane("default", 10)
    lane.push([*runs("a", "a")[0], *runs("a", "a")[1]])
    assert lane.pop_first(lambda run: True, most=1) is None
    assert lane.waiting == 2


def test_what_groups_are_about_to_take_needs_no_further_runner() -> None:
    lane = Lane("default", 10)
    assert not lane.needs_runner
    for run in runs(*["a"] * 10, "b"):
        lane.push(run)
    assert lane.needs_runner
    for _ in range(4):
        lane.join("a")
    assert not lane.needs_runner
    lane.leave("a")
    lane.leave("a")
    assert bool(lane.needs_runner), "a group that is held up is not waited for"
    for _ in range(2):
        lane.join("a")
    while lane.pop_first(lambda run: run[0].claim.handler == "a"):
        pass
    assert lane.needs_runner, "nobody is about to take the job of another handler"


def test_where_a_runner_takes_many_at_once_one_claim_brings_them() -> None:
    lane = Lane("default", 10)
    lane.grain = 200
    assert lane.wanted(free=10, now=0.0) == 209
    lane.running = 10
    assert lane.wanted(free=0, now=1.0) == 0

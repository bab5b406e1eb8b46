"""What becomes of a job, by values alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model import FINAL, Claim, Failure, Status
from hub.transitions import (
    Backoff,
    Cancelled,
    Completed,
    Failed,
    Outcome,
    Returned,
    Rules,
    Snoozed,
    Unknown,
    after_crash,
    decide,
)


def claim(
    *, retrycount: int = 0, maxretries: int = 3, priority: int = 5, crashcount: int = 0, unknownfor: float = 0.0
) -> Claim:
    return Claim(
        "id", 1, "handler", None, "application/json", "text", "default", priority, maxretries, retrycount, crashcount,
        0, None, None, None, 2, None, "internal", None, None, None, unknownfor,
    )  # fmt: skip


RULES = Rules(backoff=Backoff(jitter=False))

OUTCOMES = st.one_of(
    st.builds(Completed, st.none() | st.text()),
    st.builds(Failed, st.text(), permanent=st.booleans(), delay=st.none() | st.floats(0, 1e6)),
    st.builds(Snoozed, st.floats(0, 1e6)),
    st.builds(Cancelled, st.text()),
    st.builds(Returned),
    st.builds(Unknown, st.text()),
)


@pytest.mark.parametrize(
    ("outcome", "status", "attempted"),
    [
        (Completed("1"), Status.COMPLETED, True),
        (Cancelled("no"), Status.CANCELLED, True),
        (Snoozed(3), Status.QUEUED, False),
        (Returned(), Status.QUEUED, False),
        (Unknown("who?"), Status.QUEUED, False),
        (Failed("oh"), Status.RETRYING, True),
        (Failed("oh", permanent=True), Status.FAILED, True),
    ],
)
def test_each_outcome_has_its_status(outcome: Outcome, status: Status, attempted: bool) -> None:
    after = decide(claim(), outcome, RULES, 0.5)
    assert (after.status, after.attempted) == (status, attempted)


def test_a_retry_counts_lowers_the_priority_and_waits_longer_each_time() -> None:
    delays = []
    for retry in range(12):
        after = decide(claim(retrycount=retry, maxretries=99), Failed("oh"), RULES, 0.0)
        assert (after.retrycount, after.priority) == (retry + 1, 4)
        delays.append(after.delay)
    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_the_lowest_priority_of_all_is_lowered_no_further() -> None:
    assert decide(claim(priority=-(2**31)), Failed("oh"), RULES, 0.0).priority == -(2**31)


def test_full_jitter_takes_a_random_share() -> None:
    rules = Rules(backoff=Backoff(base=8))
    assert decide(claim(), Failed("oh"), rules, 0.25).delay == 2.0


def test_maxretries_counts_retries_after_the_first_attempt() -> None:
    assert decide(claim(retrycount=2), Failed("oh"), RULES, 0.5).status is Status.RETRYING
    after = decide(claim(retrycount=3), Failed("oh"), RULES, 0.5)
    assert (after.status, after.failure) == (Status.FAILED, Failure.EXHAUSTED)
    assert decide(claim(maxretries=0), Failed("oh"), RULES, 0.5).failure is Failure.EXHAUSTED


def test_the_handlers_own_wish_beats_the_rule_and_the_rule_beats_the_backoff() -> None:
    rules = Rules(schedule=lambda retry: 10.0 + retry)
    assert decide(claim(retrycount=1), Failed("oh"), rules, 0.5).delay == 11.0
    assert decide(claim(retrycount=1), Failed("oh", delay=7), rules, 0.5).delay == 7


def test_an_unknown_handler_is_a_dead_letter_only_after_its_time() -> None:
    assert decide(claim(unknownfor=3599), Unknown("?"), RULES, 0.5).delay == 30
    after = decide(claim(unknownfor=3600), Unknown("?"), RULES, 0.5)
    assert (after.status, after.failure) == (Status.FAILED, Failure.UNKNOWN_HANDLER)


def test_crashes_past_the_limit_are_poison() -> None:
    assert [after_crash(crashes, 2) for crashes in range(3)] == [
        (Status.QUEUED, None),
        (Status.QUEUED, None),
        (Status.FAILED, Failure.POISON),
    ]


@given(
    st.builds(
        claim, retrycount=st.integers(0, 10**6), maxretries=st.integers(0, 10**6), priority=st.integers(-1000, 1000)
    ),
    OUTCOMES,
    st.floats(0, 1, exclude_max=True),
)
def test_whatever_happens_the_next_state_makes_sense(given_claim: Claim, outcome: Outcome, random: float) -> None:
    after = decide(given_claim, outcome, Rules(), random)
    assert after.status is not Status.PROCESSING
    assert (after.failure is not None) == (after.status is Status.FAILED)
    assert after.status not in FINAL or after.delay is None
    assert after.delay is None or after.delay >= 0
    assert after.retrycount - given_claim.retrycount == (1 if after.status is Status.RETRYING else 0)
    assert after.attempted or after.status is Status.QUEUED

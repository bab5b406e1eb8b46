"""Fault 1: kill -9 at each named place of an attempt. What was accepted takes effect once, whatever came before.

The same for jobs that run together, in a transaction shared job by job and in batches, and for handlers in threads.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.campaign import Campaign
from tests.faults.controls import Control
from tests.faults.engine import Work
from tests.faults.generator import insert
from tests.faults.handlers import BATCH_KINDS, KINDS, SHARED_KINDS, SYNC_KINDS
from tests.faults.outside import Outside
from tests.faults.points import GROUPED, WORKING, Point
from tests.faults.scale import wanted_jobs

LOADS = pytest.mark.parametrize(
    "kinds",
    [
        pytest.param(KINDS, id="by themselves"),
        pytest.param(SHARED_KINDS, id="shared transaction", marks=pytest.mark.slow),
        pytest.param(BATCH_KINDS, id="batches", marks=pytest.mark.slow),
        pytest.param(SYNC_KINDS, id="threads", marks=pytest.mark.slow),
    ],
)


@pytest.mark.parametrize("point", WORKING)
def test_killed_at(point: Point, outside_each: Outside, folder: Path, seed: int) -> None:
    _killed_at(point, outside_each, folder, seed, KINDS, at=2 if point in GROUPED else 20)


@pytest.mark.parametrize("point", [Point.MID_HANDLER, Point.BEFORE_COMMIT, Point.AFTER_COMMIT])
def test_killed_in_a_thread(point: Point, outside_each: Outside, folder: Path, seed: int) -> None:
    _killed_at(point, outside_each, folder, seed, SYNC_KINDS, at=10)


@pytest.mark.parametrize("point", [Point.BEFORE_COMMIT, Point.AFTER_COMMIT])
@pytest.mark.parametrize("kinds", [SHARED_KINDS, BATCH_KINDS], ids=["shared transaction", "batches"])
def test_killed_with_many_in_one_commit(
    point: Point, kinds: Sequence[str], outside_each: Outside, folder: Path, seed: int
) -> None:
    _killed_at(point, outside_each, folder, seed, kinds, at=2)


def _killed_at(point: Point, outside: Outside, folder: Path, seed: int, kinds: Sequence[str], *, at: int) -> None:
    campaign = Campaign(outside, folder, seed=seed, work=Work(groups=1), kinds=kinds)
    insert(outside.url, campaign.ledger, 60, kinds=kinds)
    with campaign.victim(point=point, at=at) as victim:
        victim.killed()
        campaign.count(victim)
    assert outside.unsettled() > 0, "the worker was killed when there was nothing left to lose"
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)
    assert tally.verdict.failed == 0
    assert len(tally.recoveries) == 1


@LOADS
@pytest.mark.timeout(3600)
def test_killed_again_and_again(kinds: Sequence[str], outside_each: Outside, folder: Path, seed: int) -> None:
    jobs = wanted_jobs(300)
    campaign = Campaign(outside_each, folder, seed=seed, work=Work(groups=1), kinds=kinds)
    tally = campaign.kill_by_kill(jobs, a_life=min(150, jobs // 4))
    assert tally.verdict.clean, str(tally)
    assert tally.verdict.failed == 0
    assert (tally.verdict.accepted, tally.verdict.effects) == (jobs, jobs)
    assert tally.landed.total() >= 2, str(tally)


@LOADS
@pytest.mark.timeout(3600)
def test_effects_that_are_committed_before_their_job_are_doubled(
    kinds: Sequence[str], outside_each: Outside, folder: Path, seed: int
) -> None:
    control = [Control.EFFECTS_FIRST]
    campaign = Campaign(outside_each, folder, seed=seed, work=Work(groups=1), control=control, kinds=kinds)
    points = (Point.BEFORE_LAST_UPDATE, Point.BEFORE_COMMIT)
    # Before the last update nothing is committed yet even so: one kill in two may double nothing, six of them do.
    tally = campaign.kill_by_kill(wanted_jobs(600), a_life=100, points=points)
    assert tally.landed, str(tally)
    assert tally.verdict.duplicates, str(tally)
    assert not tally.verdict.lost, str(tally)

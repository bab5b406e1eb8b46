"""Fault 1: kill -9 at each named place of an attempt. What was accepted takes effect once, whatever came before.

The same for jobs that run together, in a transaction shared job by job and in batches, and for handlers in threads and
in processes of their own.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.campaign import Campaign
from tests.faults.controls import Control
from tests.faults.engine import Work
from tests.faults.generator import insert
from tests.faults.handlers import BATCH_KINDS, KINDS, POOL_KINDS, SHARED_KINDS, SYNC_KINDS
from tests.faults.outside import Outside
from tests.faults.points import COMMITTING, GROUPED, WORKING, Point
from tests.faults.process import PATIENCE
from tests.faults.scale import wanted_jobs
from tests.faults.waiting import until

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


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [SYNC_KINDS, POOL_KINDS], ids=["threads", "process pool"])
def test_killed_elsewhere_than_on_the_loop(
    kinds: Sequence[str], outside_each: Outside, folder: Path, seed: int
) -> None:
    """At one point after another. In the short form each database has a third of them, and all have the handler."""
    campaign = Campaign(outside_each, folder, seed=seed, work=Work(groups=1), kinds=kinds)
    first = ("sqlite", "postgresql", "mysql").index(outside_each.dialect)
    points = WORKING if wanted_jobs(0) else sorted({Point.MID_HANDLER, *WORKING[first::3]}, key=WORKING.index)
    for point in points:
        insert(outside_each.url, campaign.ledger, 16, kinds=kinds)
        with campaign.victim(point=point, at=1 if point in (*GROUPED, *COMMITTING) else 3) as victim:
            victim.killed()
            campaign.count(victim)
    assert outside_each.unsettled() > 0, "the last worker was killed when there was nothing left to lose"
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.accepted, tally.verdict.effects, tally.verdict.failed) == (16 * len(points),) * 2 + (0,)
    assert tally.landed == dict.fromkeys(points, 1)


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
    # A claim that was on its way may still be carried out.
    until(lambda: outside.connections() == 0, PATIENCE, "the worker is gone, its connections are not")
    assert outside.unsettled() > 0, "the worker was killed when there was nothing left to lose"
    # Behind a commit of many it may hold nothing: then there is nothing to be taken over from it.
    held = outside.count("statusid = 2") > 0
    assert held or point in (Point.AFTER_COMMIT, Point.AFTER_GROUP_COMMIT)
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)
    assert tally.verdict.failed == 0
    assert len(tally.recoveries) == held


@LOADS
@pytest.mark.timeout(3600)
def test_killed_again_and_again(kinds: Sequence[str], outside_each: Outside, folder: Path, seed: int) -> None:
    jobs = wanted_jobs(225)
    campaign = Campaign(outside_each, folder, seed=seed, work=Work(groups=1), kinds=kinds)
    tally = campaign.kill_by_kill(jobs, a_life=min(150, jobs // 3), at_least=2)
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
    # There the effects are committed, and their job's end is not: one kill is enough.
    jobs = wanted_jobs(60)
    tally = campaign.kill_by_kill(jobs, a_life=min(150, jobs), points=[Point.BEFORE_COMMIT])
    assert tally.landed, str(tally)
    assert tally.verdict.duplicates, str(tally)
    assert not tally.verdict.lost, str(tally)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_what_a_child_of_the_pool_sends_before_its_job_is_doubled(
    outside_each: Outside, folder: Path, seed: int
) -> None:
    control = [Control.EFFECTS_FIRST]
    campaign = Campaign(outside_each, folder, seed=seed, work=Work(groups=1), control=control, kinds=POOL_KINDS)
    insert(outside_each.url, campaign.ledger, 16, kinds=POOL_KINDS)
    with campaign.victim(point=Point.BEFORE_COMMIT, at=2) as victim:
        victim.killed()
    tally = campaign.settle()
    assert any("outbound rows instead of 1" in violation for violation in tally.verdict.violations), str(tally)

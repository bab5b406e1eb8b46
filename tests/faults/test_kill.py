"""Fault 1: kill -9 at each named place of an attempt. What was accepted takes effect once, whatever came before."""

from pathlib import Path

import pytest

from tests.faults.campaign import Campaign
from tests.faults.controls import Control
from tests.faults.generator import insert
from tests.faults.outside import Outside
from tests.faults.points import GROUPED, WORKING, Point
from tests.faults.scale import wanted_jobs


@pytest.mark.parametrize("point", WORKING)
def test_killed_at(point: Point, outside: Outside, folder: Path, seed: int) -> None:
    campaign = Campaign(outside, folder, seed=seed)
    insert(outside.url, campaign.ledger, 60)
    with campaign.victim(point=point, at=2 if point in GROUPED else 20) as victim:
        victim.killed()
        campaign.count(victim)
    assert outside.unsettled() > 0, "the worker was killed when there was nothing left to lose"
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)
    assert tally.verdict.failed == 0
    assert len(tally.recoveries) == 1


@pytest.mark.timeout(3600)
def test_killed_again_and_again(outside: Outside, folder: Path, seed: int) -> None:
    jobs = wanted_jobs(300)
    tally = Campaign(outside, folder, seed=seed).kill_by_kill(jobs, a_life=min(150, jobs // 4))
    assert tally.verdict.clean, str(tally)
    assert tally.verdict.failed == 0
    assert (tally.verdict.accepted, tally.verdict.effects) == (jobs, jobs)
    assert tally.landed.total() >= 2, str(tally)


@pytest.mark.timeout(3600)
def test_effects_that_are_committed_before_their_job_are_doubled(outside: Outside, folder: Path, seed: int) -> None:
    campaign = Campaign(outside, folder, seed=seed, control=[Control.EFFECTS_FIRST])
    points = (Point.BEFORE_LAST_UPDATE, Point.BEFORE_COMMIT)
    tally = campaign.kill_by_kill(wanted_jobs(200), a_life=100, points=points)
    assert tally.landed, str(tally)
    assert tally.verdict.duplicates, str(tally)
    assert not tally.verdict.lost, str(tally)

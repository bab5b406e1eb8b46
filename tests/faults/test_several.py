"""Fault 1 for `processes: 2`: one of the processes is killed at a point, or the supervisor over them is.

The supervisor starts a process again; without a supervisor the processes end by themselves, and the next hub takes
over what they held, beside those that still drain or wake up late.
"""

from pathlib import Path

import pytest

from tests.faults.campaign import Campaign
from tests.faults.controls import Control
from tests.faults.handlers import EFFECTFUL, SEVERAL_KINDS
from tests.faults.outside import Outside
from tests.faults.points import WORKING, Point
from tests.faults.scale import wanted_jobs
from tests.faults.several import Several

_LONG = wanted_jobs(0)
_SHORT = {"postgresql": (Point.MID_HANDLER,), "mysql": (Point.BEFORE_COMMIT,)}
"""A life of such a hub takes seconds."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_a_process_killed_at(outside_server: Outside, folder: Path, seed: int) -> None:
    jobs = wanted_jobs(120)
    points = WORKING if _LONG else _SHORT[outside_server.dialect]
    campaign = Campaign(outside_server, folder, seed=seed, kinds=SEVERAL_KINDS)
    tally = Several(campaign, folder).kill_workers(jobs, a_life=min(jobs, 150), points=points)
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.accepted, tally.verdict.effects, tally.verdict.failed) == (jobs, jobs, 0)
    assert tally.landed.total() >= 1, str(tally)


def test_the_supervisor_killed(outside_server: Outside, folder: Path, seed: int) -> None:
    jobs = wanted_jobs(400)
    kills = max(2, jobs // 500)
    campaign = Campaign(outside_server, folder, seed=seed, kinds=SEVERAL_KINDS)
    tally = Several(campaign, folder).kill_supervisors(jobs, kills=kills)
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.accepted, tally.verdict.effects, tally.verdict.failed) == (jobs, jobs, 0)
    assert tally.landed.total() == kills, str(tally)


def test_effects_that_are_committed_before_their_job_are_doubled(
    outside_server: Outside, folder: Path, seed: int
) -> None:
    control = [Control.EFFECTS_FIRST]
    # One kind and one point: here the effect is committed for certain, and its job is not.
    point = Point.BEFORE_COMMIT if outside_server.dialect == "mysql" else Point.BEFORE_LAST_UPDATE
    campaign = Campaign(outside_server, folder, seed=seed, control=control, kinds=[EFFECTFUL])
    tally = Several(campaign, folder).kill_workers(100, a_life=100, points=[point])
    assert tally.landed, str(tally)
    assert tally.verdict.duplicates, str(tally)
    assert not tally.verdict.lost, str(tally)

"""Fault 1 for handlers in processes of their own: the children of the pool die, or their parent does.

What a child sends is committed with the job's completion, by the parent; so of a child that dies nothing is left, and
one that is left behind by its parent must not run on beside the next attempt.
"""

import os
import signal
from pathlib import Path

import pytest

from tests.faults.campaign import Campaign
from tests.faults.children import kill_children
from tests.faults.controls import Control
from tests.faults.engine import Work
from tests.faults.generator import insert
from tests.faults.handlers import ORPHANED, POOL_KINDS
from tests.faults.outside import Outside
from tests.faults.process import START
from tests.faults.scale import wanted_jobs
from tests.faults.waiting import until
from tests.servers.process import alive

_AT_ONCE = 30.0
"""Seconds: what the system needs to end a process, on a busy machine. Left alone it would go on for minutes."""


@pytest.mark.timeout(3600)
def test_children_killed_in_mid_task(outside_each: Outside, folder: Path, seed: int) -> None:
    jobs = wanted_jobs(40)
    campaign = Campaign(outside_each, folder, seed=seed, work=Work(max_retries=1000, lease=30.0), kinds=POOL_KINDS)
    tally = kill_children(campaign, jobs, kills=max(3, jobs // 100))
    assert tally.verdict.clean, str(tally)
    assert tally.verdict.accepted == tally.verdict.effects >= jobs, str(tally)
    assert tally.verdict.failed == 0
    # A child that had nothing to do at that moment costs nobody anything.
    assert tally.landed.total() >= 1, str(tally)
    assert outside_each.count("crashcount > 0") == 0


@pytest.mark.parametrize(
    ("busy", "control"),
    [("python", ()), ("c", ()), ("python", (Control.CHILDREN_STAY,))],
    ids=["in Python", "in one long call of C", "control"],
)
def test_children_do_not_outlive_their_parent(
    busy: str, control: tuple[Control, ...], outside_postgres: Outside, folder: Path, seed: int
) -> None:
    campaign = Campaign(outside_postgres, folder, seed=seed)
    said = folder / "said"
    insert(outside_postgres.url, campaign.ledger, 1, kinds=[ORPHANED], extra={"said": str(said), "busy": busy})
    with campaign.victim(control=control) as parent:
        until(said.exists, START, lambda: f"the child does not begin\n{parent.output()}")
        pids = [int(word) for word in said.read_text().split()]
        assert all(alive(pid) for pid in pids)
        os.kill(parent.process.pid, signal.SIGKILL)
        parent.process.wait()
        if not control:
            until(lambda: not any(alive(pid) for pid in pids), _AT_ONCE, "what the child does goes on")
    try:
        tally = campaign.settle()
        left = [pid for pid in pids if alive(pid)]
    finally:
        for pid in pids if control else ():
            os.kill(pid, signal.SIGKILL)
    assert bool(left) == bool(control), "it runs on beside the next attempt" if left else "the control is sound"
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.effects, tally.verdict.failed) == (1, 0)

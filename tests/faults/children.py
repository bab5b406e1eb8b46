"""The children of a victim's process pool, found from outside and killed.

Invariant: a kill counts when the child died with a job in its hands, which the history of that job tells.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.faults.campaign import SETTLING, Campaign, Tally, portions
from tests.faults.generator import insert
from tests.faults.process import Victim
from tests.faults.waiting import until
from tests.servers.process import descendants

_MORE = 20
_DONE = "statusid = 3 AND parentjobid IS NULL"
_DIED = "SELECT count(*) FROM job_histories WHERE statusid = 4 AND result LIKE 'ChildDied: %SIGKILL%'"


def children(worker: Victim) -> list[int]:
    """The process ids of those that are there now."""
    return [pid for pid in descendants(worker.process.pid) if "hub.handlers.pool_child" in _command(pid)]


def kill_children(campaign: Campaign, jobs: int, *, kills: int) -> Tally:
    """kill -9 of one child after another, while one worker does the jobs. A few jobs and kills more come where every
    child was idle that moment."""
    outside, killed = campaign.outside, set[int]()
    with campaign.victim() as worker:
        for portion in portions(jobs, kills):
            _kill_amid(campaign, worker, portion, killed)
        while not outside.fetch(_DIED)[0][0] and len(killed) < kills + _MORE:
            _kill_amid(campaign, worker, jobs, killed)
        campaign.expect_orderly_end(worker)
    campaign.landed["child killed"] = outside.fetch(_DIED)[0][0]
    return campaign.settle()


def _kill_amid(campaign: Campaign, worker: Victim, jobs: int, killed: set[int]) -> None:
    """One child, once a few of so many new jobs are done, wait for the rest. Where nothing tells of new rows, every
    child would be idle before that."""
    outside = campaign.outside
    enough = outside.count(_DONE) + max(1, jobs // 4)
    insert(outside.url, campaign.ledger, jobs, kinds=campaign.kinds)
    until(
        lambda: outside.count(_DONE) >= enough,
        SETTLING,
        lambda: f"the work does not go on\n{worker.output()[-4000:]}",
    )
    _kill_one(campaign, worker, killed)
    outside.settled(SETTLING)


def _kill_one(campaign: Campaign, worker: Victim, killed: set[int]) -> None:
    until(lambda: set(children(worker)) - killed, SETTLING, "no child is started any more")
    pid = campaign.random.choice(sorted(set(children(worker)) - killed))
    killed.add(pid)
    os.kill(pid, signal.SIGKILL)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""

"""Fault 10: handlers that block the loop, end the process, recurse without end or take no notice of their cancellation.

What they do to themselves is theirs; their neighbours must not pay for it.
"""

from pathlib import Path

import pytest

from tests.faults.campaign import Campaign
from tests.faults.engine import Work
from tests.faults.generator import insert
from tests.faults.handlers import EFFECTFUL, GATED, GATED_EMPTY, KINDS
from tests.faults.outside import Outside
from tests.faults.waiting import until


def test_a_handler_blocks_the_loop_and_its_neighbours_keep_their_leases(
    outside_postgres: Outside, folder: Path, seed: int
) -> None:
    """Another worker stands by and would take whatever is not renewed."""
    work = Work(lease=2.0)
    campaign = Campaign(outside_postgres, folder, seed=seed, work=work)
    gate = folder / "gate"
    with campaign.victim() as blocked:
        waiting = insert(
            outside_postgres.url, campaign.ledger, 4, kinds=[GATED, GATED_EMPTY], extra={"late": str(gate), "gate": "/"}
        )
        until(lambda: outside_postgres.count("statusid = 2") >= 2, 20, "the jobs do not start")
        insert(outside_postgres.url, campaign.ledger, 1, kinds=["fault.block"], extra={"seconds": "5"})
        until(lambda: outside_postgres.count("handler = 'fault.block' AND statusid = 2") == 1, 20, "it does not start")
        with campaign.victim() as steady:
            until(
                lambda: outside_postgres.count("handler = 'fault.block' AND statusid = 3") == 1, 20, "it does not end"
            )
            gate.touch()
            outside_postgres.settled(20)
            assert steady.terminate() == 0
        assert blocked.terminate() == 0
    assert len(waiting) == 4
    assert outside_postgres.count("crashcount > 0 OR retrycount > 0") == 0
    assert outside_postgres.count(f"leaseowner = '{blocked.work.owner}'") == 5
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)


def test_a_handler_that_ends_the_process_is_poison_and_its_neighbours_are_not(
    outside: Outside, folder: Path, seed: int
) -> None:
    """Whoever supervises the process starts it again. Two crashes are forgiven, the third makes a dead letter."""
    campaign = Campaign(outside, folder, seed=seed, work=Work(max_crashes=2, lease=2.0))
    [killer] = insert(outside.url, campaign.ledger, 1, kinds=["fault.exit"])
    neighbours = insert(outside.url, campaign.ledger, 20, kinds=KINDS)
    crashes = 0
    while outside.unsettled():
        with campaign.victim() as worker:
            until(lambda: not worker.alive or outside.unsettled() == 0, 30, lambda: f"{outside.unsettled()} left")
            crashes += worker.process.poll() == 3
            if worker.alive:
                assert worker.terminate() == 0
    assert crashes == 3
    assert outside.fetch(f"SELECT statusid, failure, crashcount FROM queue_jobs WHERE id = '{killer}'") == [
        (4, "poison", 3)
    ]
    failed = outside.count("statusid = 4") - 1
    assert failed == 0, f"{failed} of {len(neighbours)} innocent neighbours were failed"
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)


@pytest.mark.parametrize(
    ("kind", "error"),
    [("fault.system-exit", "SystemExit: 3"), ("fault.recurse", "RecursionError: maximum recursion depth exceeded")],
)
def test_a_handler_that_raises_what_nobody_expects_has_failed(
    kind: str, error: str, outside: Outside, folder: Path, seed: int
) -> None:
    campaign = Campaign(outside, folder, seed=seed, work=Work(max_retries=0, lease=30.0))
    with campaign.victim() as worker:
        [job] = insert(outside.url, campaign.ledger, 1, kinds=[kind])
        insert(outside.url, campaign.ledger, 20)
        outside.settled(20)
        assert worker.terminate() == 0
    [(statusid, failure, lasterror)] = outside.fetch(
        f"SELECT statusid, failure, lasterror FROM queue_jobs WHERE id = '{job}'"
    )
    assert (statusid, failure) == (4, "exhausted")
    assert lasterror.startswith(error)
    assert outside.count("crashcount > 0") == 0
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)
    assert tally.verdict.failed == 1


def test_a_handler_that_swallows_its_cancellation_ends_one_way_or_the_other(
    outside: Outside, folder: Path, seed: int
) -> None:
    campaign = Campaign(outside, folder, seed=seed)
    with campaign.victim() as worker:
        insert(outside.url, campaign.ledger, 3, kinds=["fault.swallow", EFFECTFUL])
        outside.settled(20)
        assert worker.terminate() == 0
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)

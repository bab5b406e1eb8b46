"""Fault 12: SIGTERM under load, then SIGKILL. What is under way ends or is given back, and no attempt is used up."""

from pathlib import Path

from tests.faults.campaign import Campaign
from tests.faults.engine import Work
from tests.faults.generator import insert
from tests.faults.handlers import EFFECTFUL, EMPTY, GATED, GATED_EMPTY, UNHURRIED
from tests.faults.outside import Outside
from tests.faults.waiting import until


def test_terminated_under_load_it_gives_everything_back(outside: Outside, folder: Path, seed: int) -> None:
    campaign = Campaign(outside, folder, seed=seed, work=Work(lease=30.0))
    # Every other one takes its time: the work goes on for seconds, so that there is something left.
    jobs = 1000
    insert(outside.url, campaign.ledger, jobs, kinds=[EFFECTFUL, UNHURRIED, EMPTY, UNHURRIED])
    with campaign.victim() as worker:
        until(lambda: outside.count("statusid = 3") > 50, 20, "the work does not begin")
        assert worker.terminate() == 0
        assert worker.said("stopped")
    assert outside.count("statusid = 2") == 0
    assert outside.unsettled() > 0, "there was nothing left to give back"
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)
    assert tally.verdict.effects == jobs
    assert outside.count("retrycount > 0 OR crashcount > 0") == 0


def test_what_does_not_end_in_time_is_stopped_and_given_back(outside: Outside, folder: Path, seed: int) -> None:
    campaign = Campaign(outside, folder, seed=seed, work=Work(lease=30.0, shutdown_timeout=0.3))
    gate = folder / "gate"
    # On SQLite one transaction has the file: the handlers wait before theirs.
    with campaign.victim() as worker:
        insert(outside.url, campaign.ledger, 8, kinds=[GATED, GATED_EMPTY], extra={"gate": str(gate)})
        until(lambda: outside.count("statusid = 2") == 8, 20, "the jobs do not start")
        assert worker.terminate() == 0
    assert outside.count("statusid IN (0, 1) AND retrycount = 0 AND crashcount = 0") == 8
    gate.touch()
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)
    assert outside.count("retrycount > 0 OR crashcount > 0") == 0


def test_killed_while_it_drains(outside: Outside, folder: Path, seed: int) -> None:
    campaign = Campaign(outside, folder, seed=seed)
    gate = folder / "gate"
    with campaign.victim() as worker:
        insert(outside.url, campaign.ledger, 4, kinds=[GATED_EMPTY], extra={"gate": str(gate)})
        until(lambda: outside.count("statusid = 2") == 4, 20, "the jobs do not start")
        insert(outside.url, campaign.ledger, 200)
        worker.process.terminate()
        until(lambda: worker.said("stopping"), 20, "it takes no notice of SIGTERM")
        assert worker.alive
        worker.kill()
    gate.touch()
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.effects, tally.verdict.failed) == (204, 0)


def test_handlers_that_will_not_end_do_not_keep_the_process(outside_postgres: Outside, folder: Path, seed: int) -> None:
    """They swallow the cancellation at the end of the shutdown: their leases expire, and others have the jobs."""
    campaign = Campaign(outside_postgres, folder, seed=seed, work=Work(shutdown_timeout=0.2))
    [_, suspect] = insert(outside_postgres.url, campaign.ledger, 2, kinds=["fault.stubborn"])
    outside_postgres.fetch(f"UPDATE queue_jobs SET crashcount = 1 WHERE id = '{suspect}'")
    with campaign.victim() as worker:
        until(lambda: outside_postgres.count("statusid = 2") == 2, 20, "the jobs do not start")
        assert worker.terminate() == 0
    assert outside_postgres.count("statusid IN (3, 4)") == 0

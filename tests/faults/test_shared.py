"""Several processes over one PostgreSQL: they share the jobs, and each effect is there once."""

from pathlib import Path

import pytest

from tests.faults.campaign import Campaign
from tests.faults.door import Door
from tests.faults.outside import Outside
from tests.faults.scale import wanted_jobs


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("hubs", [False, True], ids=["engines", "hubs"])
def test_two_processes_share_the_jobs(hubs: bool, outside_postgres: Outside, folder: Path, seed: int) -> None:
    jobs = wanted_jobs(3000)
    campaign = Campaign(outside_postgres, folder, seed=seed)
    files = [Door(campaign, _made(folder / name)).configuration if hubs else None for name in ("one", "other")]
    tally = campaign.side_by_side(jobs, hubs=files)
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.accepted, tally.verdict.effects) == (jobs, jobs)
    shares = dict(outside_postgres.fetch("SELECT leaseowner, count(*) FROM queue_jobs GROUP BY leaseowner"))
    assert len(shares) == 2, shares
    assert min(shares.values()) > 0.1 * jobs, shares
    assert outside_postgres.count("retrycount > 0") == 0


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder

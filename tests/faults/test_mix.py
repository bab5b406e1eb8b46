"""Fault 13: a random mix of kills, frosts, cuts and orderly ends, from a seed that a failure tells."""

from pathlib import Path

import pytest

from tests.faults.campaign import Campaign
from tests.faults.mix import Mix
from tests.faults.outside import Outside
from tests.faults.scale import wanted_seconds


@pytest.mark.timeout(7 * 3600)
def test_anything_may_happen(outside_each: Outside, folder: Path, seed: int) -> None:
    workers = 1 if outside_each.dialect == "sqlite" else 3
    tally = Mix(Campaign(outside_each, folder, seed=seed)).run(wanted_seconds(5.0), workers)
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.effects, tally.verdict.failed) == (tally.verdict.accepted, 0), str(tally)
    assert tally.landed.total() > 0, str(tally)

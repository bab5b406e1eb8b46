"""Fault 9: the disk under a SQLite file is full for a while. Work and intake pause, and no attempt is used up.

(Under PostgreSQL the server says so with an error of class 53, which the hub treats as a server that is away.)
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.errors import DatabaseUnavailable
from tests.faults.campaign import Campaign
from tests.faults.engine import Work
from tests.faults.generator import insert, insert_once
from tests.faults.outside import Outside
from tests.faults.waiting import until

SIZE = 8 * 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB. Only root may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if made.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_the_disk_is_full_for_a_while(small_disk: Path, folder: Path, seed: int) -> None:
    with Outside.of(f"sqlite:///{small_disk / 'hub.db'}") as outside:
        outside.prepare()
        campaign = Campaign(outside, folder, seed=seed, work=Work(lease=30.0))
        with campaign.victim() as worker:
            insert(outside.url, campaign.ledger, 50)
            outside.settled(20)
            ballast = small_disk / "ballast"
            insert(outside.url, campaign.ledger, 200)
            _fill(ballast)
            with pytest.raises(DatabaseUnavailable, match="full"):
                insert_once(outside.url, campaign.ledger, 500)
            until(lambda: "disk is full" in worker.output(), 20, "the worker does not notice")
            ballast.unlink()
            outside.settled(30)
            insert(outside.url, campaign.ledger, 100)
            outside.settled(20)
            assert worker.terminate() == 0
        tally = campaign.settle()
        assert tally.verdict.clean, str(tally)
        assert (tally.verdict.effects, tally.verdict.failed) == (350, 0)
        assert outside.count("retrycount > 0 OR crashcount > 0") == 0


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        block = bytes(4096)
        try:
            while shutil.disk_usage(path.parent).free:
                file.write(block)
        except OSError:
            return  # that was the last of it

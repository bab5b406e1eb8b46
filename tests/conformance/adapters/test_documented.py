"""The adapter of CONTRIBUTING.md, built and installed as a package of its own from that very text, in the suite."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SUITE = ("test_in.py", "test_out.py", "test_faults.py")
_BLOCK = re.compile(r"^`(?P<name>[\w.]+)`:\n\n```\w+\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The folder of the package, as the page has its files."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Write an adapter")[2]
    files = {found["name"]: found["text"] for found in _BLOCK.finditer(page)}
    assert set(files) == {"pyproject.toml", "hub_spool.py", "spool_broker.py"}
    folder = tmp_path / "hub-spool"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_its_types_hold(package: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--follow-imports=silent"]
    checked = subprocess.run(
        [*command, str(package / "hub_spool.py")], cwd=ROOT, capture_output=True, text=True, timeout=110
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(400)
def test_the_documented_adapter_meets_the_contract(package: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = ["uv", "pip", "install", "--offline", "--no-deps", "--no-build-isolation", "--python", sys.executable]
    built = subprocess.run(
        [sys.executable, "-m", *install, "--target", str(site), str(package)],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    assert not (site / "spool_broker.py").exists()
    (site / "spool_broker.py").write_text((package / "spool_broker.py").read_text())
    environment = {
        **os.environ,
        "HUB_TEST_ADAPTER": "spool_broker",
        "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]),
    }
    files = [str(Path(__file__).parent / name) for name in SUITE]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'runs'}", *files],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-5000:]
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed is not None
    assert int(passed[1]) >= 15, run.stdout  # more than that would be skipped if the suite asked for what it has not

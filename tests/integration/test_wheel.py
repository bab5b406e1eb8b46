"""The built wheel carries all that the hub needs at run time, and finds it there."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel is unpacked as an installer does, away from the checkout."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_in(site: Path, program: str) -> dict[str, str]:
    """What a program prints as JSON when the hub is imported from `site`."""
    start = f"import json, sys; sys.path.insert(0, {str(site)!r})\n"
    command = [sys.executable, "-I", "-c", start + program]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=site)
    assert run.returncode == 0, run.stderr
    answer: dict[str, str] = json.loads(run.stdout)
    return answer


def repository_files(folder: str, pattern: str) -> dict[str, bytes]:
    return {str(path.relative_to(ROOT)): path.read_bytes() for path in (ROOT / folder).rglob(pattern)}


def test_it_holds_every_statement_migration_and_shipped_file(site: Path) -> None:
    expected = {
        **repository_files("hub", "*.sql"),
        **repository_files("hub", "*.py"),
        **repository_files("hub", "py.typed"),
        **repository_files("hub", "static/*"),
        **{f"hub/{name}": content for name, content in repository_files("migrations", "*.sql").items()},
        "hub/_config/configuration.json": (ROOT / "config" / "configuration.json").read_bytes(),
        "hub/_config/configuration.schema.json": (ROOT / "config" / "configuration.schema.json").read_bytes(),
    }
    assert {name for name in expected if not (site / name).is_file()} == set()
    assert {name for name, content in expected.items() if (site / name).read_bytes() != content} == set()
    assert {"hub/py.typed", "hub/api/static/docs.html"} <= set(expected)


def test_it_holds_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert {name.partition("/")[0] for name in archive.namelist()} == {"hub", "hub-0.1.0.dist-info"}


def test_an_installed_hub_finds_its_files_inside_itself(site: Path) -> None:
    found = run_in(
        site,
        "import hub.resources as r\n"
        "print(json.dumps({'module': r.__file__,\n"
        "  'migrations': ' '.join(sorted(e.name for e in r.migrations_dir('sqlite').iterdir())),\n"
        "  'configuration': r.shipped('configuration.json').read_text('utf-8')}))",
    )
    assert Path(found["module"]).is_relative_to(site)
    assert found["migrations"].split() == sorted(path.name for path in (ROOT / "migrations" / "sqlite").glob("*.sql"))
    assert found["configuration"] == (ROOT / "config" / "configuration.json").read_text(encoding="utf-8")


def test_it_installs_the_command(site: Path) -> None:
    entry_points = (site / "hub-0.1.0.dist-info" / "entry_points.txt").read_text()
    assert "hub = hub.cli.main:main" in entry_points

"""The shipped files are found in a checkout; tests/integration/test_wheel.py shows the same for an installed wheel."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hub.resources
from hub.resources import migrations_dir, shipped

ROOT = Path(__file__).resolve().parents[2]


def test_migrations_of_a_checkout_are_the_repository_folder() -> None:
    folder = migrations_dir("sqlite")
    names = sorted(entry.name for entry in folder.iterdir())
    assert names == sorted(path.name for path in (ROOT / "migrations" / "sqlite").iterdir())
    assert any(name.endswith(".sql") for name in names)


def test_an_unknown_dialect_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="'oracle'"):
        migrations_dir("oracle")


def test_the_shipped_configuration_is_json() -> None:
    assert isinstance(json.loads(shipped("configuration.json").read_text(encoding="utf-8")), dict)


def test_an_unknown_file_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"'nothing\.json'"):
        shipped("nothing.json")


def test_a_stranger_s_folder_beside_the_package_is_not_taken(tmp_path: Path) -> None:
    """site-packages may hold a folder `migrations` of another distribution; a damaged install must not run it."""
    package = tmp_path / "hub"
    package.mkdir()
    (package / "__init__.py").touch()
    shutil.copy(Path(hub.resources.__file__), package)
    (tmp_path / "migrations" / "sqlite").mkdir(parents=True)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import hub.resources as r; r.migrations_dir('sqlite')"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, cwd=tmp_path)
    assert run.returncode == 1
    assert "install it again" in run.stderr

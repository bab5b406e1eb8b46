"""What the container image is started with: its secrets and its configuration. The image itself is not built here."""

import hashlib
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hub.config.load import load

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with a `python` whose `-m hub` prints its arguments and the database password it was given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    python = folder / "python"
    python.write_text(f'#!/bin/sh\n[ "$1" != -m ] || exec echo "$*|${{DB_PASS:-}}"\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return folder


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    return folder


def start(programs: Path, secrets: Path, *arguments: str, **variables: str) -> str:
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HUB_SECRETS": str(secrets), **variables}
    command = [str(ROOT / "docker" / "entrypoint.sh"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30).stdout


def test_the_first_start_makes_a_token_that_only_its_owner_reads(programs: Path, secrets: Path) -> None:
    assert start(programs, secrets, "secrets") == ""
    token = (secrets / "token").read_text().strip()
    assert len(token) >= 43
    assert stat.S_IMODE((secrets / "token").stat().st_mode) == 0o400
    assert (secrets / "token.sha256").read_text().strip() == hashlib.sha256(token.encode()).hexdigest()
    assert (secrets / "postgres-password").read_text().strip() not in ("", token)


def test_a_later_start_keeps_them(programs: Path, secrets: Path) -> None:
    start(programs, secrets, "secrets")
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    assert start(programs, secrets, "run", "--only", "api") == "-m hub run --only api|\n"
    assert {path.name: path.read_text() for path in secrets.iterdir()} == before


def test_the_password_is_for_the_server_that_compose_names(programs: Path, secrets: Path) -> None:
    told = start(programs, secrets, "run", DB_HOST="postgres")
    assert told == f"-m hub run|{(secrets / 'postgres-password').read_text()}"
    assert start(programs, secrets, "run", DB_HOST="elsewhere", DB_PASS="given") == "-m hub run|given\n"


def test_what_is_run_in_it_has_the_password_too() -> None:
    """`docker compose exec hub hub status` goes by no ENTRYPOINT: what it finds as `hub` is to be the same script."""
    lines = (ROOT / "Dockerfile").read_text()
    (script,) = re.findall(r"^COPY .*docker/entrypoint\.sh (\S+)$", lines, re.MULTILINE)
    (path,) = re.findall(r"^ENV PATH=(\S+)", lines, re.MULTILINE)
    assert Path(script) == Path(path.split(":")[0]) / "hub"
    assert 'ENTRYPOINT ["hub"]' in lines


def test_its_configuration_is_valid_and_asks_for_the_token(programs: Path, secrets: Path, tmp_path: Path) -> None:
    start(programs, secrets, "secrets")
    text = (ROOT / "docker" / "configuration.json").read_text()
    assert "/secrets/" in text
    file = tmp_path / "configuration.json"
    file.write_text(text.replace("/secrets/", f"{secrets}/"))
    configuration = load(file, {"DB_HOST": "postgres", "DB_USER": "hub", "DB_NAME": "hub", "DB_PASS": "p"})
    assert configuration.http.host == "0.0.0.0"
    assert [token.role for token in configuration.auth.tokens] == ["admin"]


def test_it_runs_what_the_shipped_configuration_runs() -> None:
    container = json.loads((ROOT / "docker" / "configuration.json").read_text())
    shipped = json.loads((ROOT / "config" / "configuration.json").read_text())
    for part in ("handlers", "adapters", "routes", "resource_types"):
        assert container[part] == shipped[part]

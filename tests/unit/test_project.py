"""The project's own machinery: its locks, and the scripts behind the make targets."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hub.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "requirements-build.txt", "requirements-dev.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS = PROJECT["dependency-groups"]


def locked(lock: str) -> dict[str, str]:
    """Package → version."""
    pins = re.findall(r"^([A-Za-z0-9._-]+)(?:\[.*\])?==([^\s;]+)", (ROOT / lock).read_text(), flags=re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pins}


def members(group: str) -> list[str]:
    named = [item for item in GROUPS[group] if isinstance(item, str)]
    included = [item["include-group"] for item in GROUPS[group] if isinstance(item, dict)]
    return named + [requirement for inner in included for requirement in members(inner)]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address_and_hashes_everything(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.search(r"--(index|extra-index|find-links|trusted)|(?<!via )[ =]/", text)
    requirements = re.split(r"\n(?=[A-Za-z])", text)[1:] if text.startswith("#") else re.split(r"\n(?=[A-Za-z])", text)
    assert requirements
    assert [item.splitlines()[0] for item in requirements if "--hash=sha256:" not in item] == []


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("requirements.txt", PROJECT["project"]["dependencies"]),
        ("requirements-build.txt", PROJECT["build-system"]["requires"]),
        ("requirements-dev.txt", PROJECT["project"]["dependencies"] + members("dev")),
    ],
)
def test_a_lock_holds_what_the_project_asks_for(lock: str, requirements: list[str]) -> None:
    pins = locked(lock)
    wanted = [Requirement(text) for text in requirements]
    assert [str(one) for one in wanted if not one.specifier.contains(pins.get(canonicalize_name(one.name), ""))] == []


def test_the_developers_run_what_users_run() -> None:
    developers = locked("requirements-dev.txt")
    assert {name: developers.get(name) for name in locked("requirements.txt")} == locked("requirements.txt")


def script(name: str, *arguments: str, **variables: str) -> str:
    environment = {"PATH": os.environ["PATH"], **variables}
    command = [str(ROOT / "scripts" / name), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout


def version_of(python: str) -> str:
    program = "import sys; print(*sys.version_info[:2], sys.prefix == sys.base_prefix)"
    return subprocess.run([python.strip(), "-c", program], capture_output=True, text=True, check=True).stdout


def test_the_pythons_found_run_the_hub_and_are_no_environments() -> None:
    found = [version_of(script("python.sh", which)).split() for which in ("oldest", "newest")]
    versions = [(int(major), int(minor)) for major, minor, _ in found]
    assert (3, 11) <= versions[0] <= versions[1]
    assert [base for _, _, base in found] == ["True", "True"]


def test_a_named_python_ends_the_search() -> None:
    # This one may be an environment's: the interpreter behind it is meant.
    own = subprocess.run(
        [sys.executable, "-c", "import sys; print(sys._base_executable)"], capture_output=True, text=True
    )
    assert script("python.sh", "newest", PYTHON=sys.executable) == own.stdout


def test_without_a_suitable_python_it_says_so() -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        script("python.sh", "oldest", PYTHON="/bin/false")
    assert "CPython 3.11 or later" in failed.value.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with nothing but the script that runs the hub, and a `hub` that prints what it was given."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "run.sh").symlink_to(ROOT / "scripts" / "run.sh")
    hub = tmp_path / "hub"
    hub.write_text('#!/bin/sh\necho "$*|$PORT|$DB_NAME|$DB_PASS"\n')
    hub.chmod(0o755)
    return tmp_path


def test_run_takes_from_the_file_what_the_environment_lacks(checkout: Path) -> None:
    (checkout / ".env").write_text("# a comment=1\nPORT=9000\n\nDB_NAME='a hub'\nDB_PASS=\"p$w`x`=\"\nBAD-NAME=1")
    told = subprocess.run(
        [checkout / "scripts" / "run.sh", "./hub", "--queues", "a,b"],
        env={"PATH": os.environ["PATH"], "PORT": "8081"},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    assert told == "run --config config/configuration.json --queues a,b|8081|a hub|p$w`x`=\n"


def test_every_file_that_architecture_leads_through_is_there() -> None:
    """Its table is the way into the code: a path that has moved leads nobody."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    paths = set(re.findall(r"`((?:hub|tests|docs|benchmarks)/[\w./]*)`", text))
    assert len(paths) > 15
    assert sorted(path for path in paths if not (ROOT / path).exists()) == []
    names = set(re.findall(r"`(\w+\.(?:py|sql))`", text))
    known = {file.name for folder in ("hub", "tests") for file in (ROOT / folder).rglob("*.*")}
    assert sorted(names - known) == []


def test_architecture_lists_the_layers_that_are_held() -> None:
    contract = next(one for one in PROJECT["tool"]["importlinter"]["contracts"] if one["id"] == "layers")
    held = {name for line in contract["layers"] for name in re.findall(r"\w+", line)}
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    listed = text.partition("\n## Layers\n")[2].split("```")[1]
    assert sorted(held - set(re.findall(r"\w+", listed))) == []


def test_the_readme_leads_to_every_page_and_names_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}
    assert sorted(pages - set(re.findall(r"\]\(([\w./]+)\)", text))) == []
    table = text.partition("\n## The command line\n")[2].partition("\n## ")[0]
    # A row names a group with its first command, and the others behind it.
    rows = [
        re.findall(r"`(?:hub )?([a-z]+(?: [a-z]+)?)[^`]*`", row.split("|")[1])
        for row in table.splitlines()
        if "`hub" in row
    ]
    named = {one for row in rows for one in _spelled_out(row)}
    assert sorted(_commands(typer.main.get_command(app)) - named) == []


def _spelled_out(row: list[str]) -> list[str]:
    group, _, _ = row[0].rpartition(" ")
    return [row[0], *(one if " " in one or not group else f"{group} {one}" for one in row[1:])]


def _commands(command: Any, path: str = "") -> set[str]:
    inner = getattr(command, "commands", {})
    return (
        {path}
        if not inner
        else {one for name, sub in inner.items() for one in _commands(sub, f"{path} {name}".strip())}
    )

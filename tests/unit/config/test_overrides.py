"""The environment over the file: which variable changes what, who wins, and how a bad value is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hub.config import Fault, build, load
from hub.config.schema import Configuration


@pytest.mark.parametrize(
    ("variable", "text", "read", "value"),
    [
        ("MAX_WORKERS", "7", lambda c: c.jobs.workers, 7),
        ("PORT", "9000", lambda c: c.http.port, 9000),
        ("PORT", "0", lambda c: c.http.port, 0),
        ("ENABLE_RECOVERY", "false", lambda c: c.jobs.recovery.enabled, False),
        ("ENABLE_RECOVERY", "0", lambda c: c.jobs.recovery.enabled, False),
        ("DEFAULT_RECOVERY_ENABLED", "No", lambda c: c.jobs.recovery.default_enabled, False),
        ("RECOVERY_CHECK_INTERVAL", "60", lambda c: c.jobs.recovery.check_interval, 60.0),
        ("RECOVERY_CHECK_INTERVAL", "2m", lambda c: c.jobs.recovery.check_interval, 120.0),
        ("MAX_RECOVERY_ATTEMPTS", "9", lambda c: c.jobs.recovery.max_attempts, 9),
        ("DATABASE_URL", "mysql://hub@h/db", lambda c: c.database.url.get_secret_value(), "mysql://hub@h/db"),
    ],
)
def test_each_variable(
    full: dict[str, Any], secrets: dict[str, str], variable: str, text: str, read: Any, value: object
) -> None:
    without = build(full, secrets)
    assert read(without) != value
    assert read(build(full, {**secrets, variable: text})) == value
    assert read(build({}, {variable: text})) == value, "also without that section in the file"
    assert build(full, {**secrets, variable: ""}) == without, "an empty variable is not set"


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("MAX_WORKERS", "many", 'expected a whole number, got "many"'),
        ("MAX_WORKERS", "0", "must be at least 1, got the number 0"),
        ("MAX_WORKERS", "9" * 5000, "expected a whole number"),
        ("PORT", "70000", "must be at most 65535, got the number 70000"),
        ("PORT", "8080/tcp", 'expected a whole number, got "8080/tcp"'),
        ("ENABLE_RECOVERY", "perhaps", 'expected true or false, got "perhaps"'),
        ("RECOVERY_CHECK_INTERVAL", "often", '"often" is no duration'),
        ("RECOVERY_CHECK_INTERVAL", "-5", '"-5" is no duration'),
        ("MAX_RECOVERY_ATTEMPTS", "-1", "must be at least 0, got the number -1"),
        ("DATABASE_URL", "oracle://hub:c4n4ry@h", "expected an address that begins with sqlite:// or postgresql://"),
    ],
)
def test_a_bad_value_names_its_variable(faults: Any, variable: str, text: str, message: str) -> None:
    found = faults({}, {variable: text})
    assert list(found) == [f"environment {variable}"]
    assert found[f"environment {variable}"].message.startswith(message)
    assert "c4n4ry" not in str(found)


def test_the_environment_wins_over_a_bad_value_of_the_file() -> None:
    document = {"jobs": {"workers": "five"}, "database": {"url": "${env:NOT_SET}"}}
    configuration = build(document, {"MAX_WORKERS": "5", "DATABASE_URL": "sqlite:///other.db"})
    assert configuration.jobs.resolved_workers == 5
    assert configuration.database.url.get_secret_value() == "sqlite:///other.db"


def test_a_password_in_a_variable_is_no_reference_and_not_in_the_clear() -> None:
    url = "postgresql://hub:${env:X}@h/db"
    assert build({}, {"DATABASE_URL": url}).database.url.get_secret_value() == url


def test_a_section_of_the_wrong_type_is_still_the_only_fault(faults: Any) -> None:
    assert list(faults({"jobs": [], "http": 5}, {"MAX_WORKERS": "5", "PORT": "0"})) == ["http", "jobs"]


# --- the database in parts ---------------------------------------------------------------------------------------

PARTS = {"DB_HOST": "db.example", "DB_PORT": "5433", "DB_USER": "hub user", "DB_PASS": "p@ss/w:rd%", "DB_NAME": "hub"}


def address(environ: dict[str, str], document: dict[str, Any] | None = None) -> str:
    return build(document or {}, environ).database.url.get_secret_value()


def test_parts_make_an_address() -> None:
    assert address(PARTS) == "postgresql://hub%20user:p%40ss%2Fw%3Ard%25@db.example:5433/hub"
    assert address({"DB_NAME": "hub"}) == "postgresql://127.0.0.1/hub"
    assert address({"DB_HOST": "::1", "DB_NAME": "hub", "DB_USER": "me"}) == "postgresql://me@[::1]/hub"


def test_parts_keep_the_kind_of_server_of_the_file() -> None:
    assert address({"DB_NAME": "x"}, {"database": {"url": "mariadb://old/hub"}}) == "mariadb://127.0.0.1/x"
    assert address({"DB_NAME": "x"}, {"database": {"url": "sqlite:///hub.db"}}) == "postgresql://127.0.0.1/x"


def test_database_url_wins_over_the_parts() -> None:
    assert address({**PARTS, "DATABASE_URL": "sqlite:///x.db"}) == "sqlite:///x.db"
    assert address({"DB_USER": "somebody", "DATABASE_URL": "sqlite:///x.db"}) == "sqlite:///x.db"


def test_parts_without_a_name(faults: Any) -> None:
    assert faults({}, {"DB_HOST": "h", "DB_PASS": "c4n4ry"}) == {
        "environment DB_NAME": Fault(
            "environment DB_NAME",
            "not set, although DB_HOST, DB_PASS is",
            "set DB_NAME too, or DATABASE_URL instead of all of them",
        )
    }


def test_a_port_that_is_none(faults: Any) -> None:
    assert list(faults({}, {"DB_NAME": "hub", "DB_PORT": "tcp://10.0.0.1:5432"})) == ["environment DB_PORT"]


# --- which file --------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(file: Path, workers: int) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"jobs": {"workers": workers}}), encoding="utf-8")
    return file


def test_which_file_is_read(folder: Path) -> None:
    named, argument = write(folder / "named.json", 2), write(folder / "argument.json", 3)
    environ = {"HUB_CONFIG": str(named)}
    assert load(None, {}) == Configuration()
    assert load(None, {}).file is None
    write(folder / "config" / "configuration.json", 1)
    assert load(None, {}).jobs.workers == 1
    assert load(None, environ).jobs.workers == 2
    assert load(None, environ).file == named
    assert load(argument, environ).jobs.workers == 3
    assert load(argument, {**environ, "MAX_WORKERS": "4"}).jobs.workers == 4


def test_the_process_s_own_environment_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_WORKERS", "77")
    monkeypatch.setenv("HUB_CONFIG", "/nowhere.json")
    monkeypatch.setenv("SECRET_HOST", "x")
    assert load(None, {}).jobs.resolved_workers == 5

"""`hub init`, `hub check`, `hub migrate`, `hub token`, `hub schema`: what a newcomer does before anything runs."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.cli.main import app
from hub.config import json_schema_text
from hub.db.tokens import PREFIX, digest
from tests.integration.cli_project import VARIABLES, CliProject
from tests.servers import PostgresDatabases


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(tmp_path: Path, sqlite_url: str) -> CliProject:
    return CliProject(tmp_path, sqlite_url)


# --- init --------------------------------------------------------------------------------------------------------


def test_a_new_project_is_sound_and_its_tests_pass(tmp_path: Path) -> None:
    outside = CliProject(tmp_path, "sqlite:///unused.db")
    made = outside.process("init", "shop")
    assert made.returncode == 0, made.stderr
    files = {str(path.relative_to(tmp_path / "shop")) for path in (tmp_path / "shop").rglob("*") if path.is_file()}
    assert files == {
        *("config/configuration.json", "config/configuration.schema.json", "handlers.py", "test_handlers.py"),
        *("README.md", ".gitignore"),
    }
    inside = CliProject(tmp_path / "shop", "unused")
    checked = inside.process("check", "--connect", "--json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert json.loads(checked.stdout)["faults"] == []
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "."],
        cwd=tmp_path / "shop",
        env=inside.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "2 passed" in tested.stdout
    assert "# shop" in (tmp_path / "shop" / "README.md").read_text()


def test_the_schema_is_written_beside_its_configuration(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["init", str(tmp_path / "shop")]).exit_code == 0
    configuration = json.loads((tmp_path / "shop" / "config" / "configuration.json").read_text())
    named = tmp_path / "shop" / "config" / configuration["$schema"]
    assert named.read_text() == json_schema_text() == CliRunner().invoke(app, ["schema"]).stdout


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    refused = CliRunner().invoke(app, ["init", str(tmp_path)])
    assert refused.exit_code == 1
    assert "is not empty" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    on_file = CliRunner().invoke(app, ["init", str(tmp_path / "mine.txt")])
    assert (on_file.exit_code, "is a file" in on_file.stderr) == (1, True)


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["init", str(tmp_path)]).exit_code == 0
    assert (tmp_path / "handlers.py").is_file()


# --- check -------------------------------------------------------------------------------------------------------


def test_every_fault_of_the_configuration_at_once(project: CliProject) -> None:
    project.configure(jobs={"wrkers": 3, "lease": "soon"}, routes=[{"name": "r", "from": "nobody", "handler": "x"}])
    report = project.hub("check", "--json")
    assert report.exit_code == 1
    faults = {fault["path"]: fault for fault in json.loads(report.stdout)["faults"]}
    assert set(faults) == {"jobs.wrkers", "jobs.lease", "routes[0].from"}
    assert faults["jobs.wrkers"]["suggestion"] == 'did you mean "workers"?'
    shown = project.hub("check")
    assert shown.exit_code == 1
    assert "fault jobs.wrkers: unknown key" in shown.stdout
    assert 'did you mean "workers"?' in shown.stdout


def test_names_of_handlers_that_are_not_there(project: CliProject) -> None:
    work: dict[str, Any] = {"handler": "order.procesing"}
    project.configure(
        handlers=["examples.orders"],
        adapters={"web": {"type": "http"}},
        routes=[
            {"name": "good", "from": "web", "handler": "order.processing"},
            {"name": "bad", "from": "web", **work},
        ],
        schedules={"daily": {"cron": "0 8 * * *", **work}},
        resource_types={"order": work},
        workflows={"flow": {"steps": [{"name": "first", **work}]}},
        templates={"t": work},
        jobs={"default_handler": "sistem.record"},
    )
    report = json.loads(project.hub("check", "--json").stdout)
    assert {fault["path"] for fault in report["faults"]} == {
        *("routes[1].handler", "schedules.daily.handler", "resource_types.order.handler", "templates.t.handler"),
        *("workflows.flow.steps[0].handler", "jobs.default_handler"),
    }
    assert {fault["suggestion"] for fault in report["faults"]} == {
        'did you mean "order.processing"?',
        'did you mean "system.record"?',
    }


def test_handlers_that_cannot_be_loaded(project: CliProject) -> None:
    project.configure(handlers=["nowhere.at.all"])
    report = json.loads(project.hub("check", "--json").stdout)
    assert [fault["part"] for fault in report["faults"]] == ["handlers"]
    assert "no module 'nowhere.at.all'" in report["faults"][0]["message"]


def test_the_file_may_be_an_argument(project: CliProject) -> None:
    done = CliRunner().invoke(app, ["check", str(project.file)])
    assert done.exit_code == 0, done.output
    assert str(project.file) in done.stdout
    missing = CliRunner().invoke(app, ["check", "no/such.json"])
    assert missing.exit_code == 1
    assert "there is no file no/such.json" in missing.stdout


def test_a_file_that_lies_where_none_is_looked_for_is_named(project: CliProject) -> None:
    assert "configuration.json in this folder is not read: say --config" in " ".join(
        project.process("check").stdout.split()
    )
    assert "is not read" not in project.ok("check")


def test_what_works_but_not_as_hoped_is_a_warning(project: CliProject) -> None:
    project.configure(
        jobs={"enabled": False},
        adapters={"plant": {"type": "mqtt", "url": "mqtt://127.0.0.1:1883", "client_id": "hub", "enabled": False}},
        routes=[{"name": "r", "from": "plant", "topic": "a/b", "handler": "system.record"}],
    )
    report = json.loads(project.ok("check", "--json"))
    warned = {warning["path"]: warning["message"] for warning in report["warnings"]}
    assert "becomes two jobs" in warned["routes[0].dedupe_key"]
    assert "none is run" in warned["jobs.enabled"]


def test_adapters_that_put_each_other_out_at_their_broker_are_a_warning(project: CliProject) -> None:
    plant = {"type": "mqtt", "url": "mqtt://127.0.0.1:1883"}
    mes = {"type": "activemq", "url": "stomp://127.0.0.1:61613"}
    project.configure(
        adapters={
            "plant": plant,
            "again": plant,
            "other": {**plant, "client_id": "other"},
            "off": {**plant, "enabled": False},
            "first": {**plant, "share": True},
            "second": {**plant, "share": True},
            "elsewhere": {**plant, "url": "mqtt://127.0.0.1:1884"},
            "mes": mes,
            "free": mes,
            "named": {**mes, "client_id": "hub"},
            "twice": {**mes, "client_id": "hub"},
        }
    )
    report = json.loads(project.ok("check", "--json"))
    warned = {warning["path"]: warning["message"] for warning in report["warnings"]}
    assert warned.keys() == {"adapters.again.client_id", "adapters.twice.client_id"}
    assert "'hub' is what adapters.plant is called at the same broker" in warned["adapters.again.client_id"]


def test_a_file_of_sqlite_is_looked_at_and_not_made(tmp_path: Path) -> None:
    project = CliProject(tmp_path, f"sqlite:///{tmp_path / 'data' / 'hub.db'}")
    assert project.json("check", "--connect")["database"]["pending"][0] == "0001_queue"
    assert not (tmp_path / "data").exists()
    project.ok("migrate")
    found = project.json("check", "--connect")["database"]
    assert (found["dialect"], found["version"], found["pending"]) == ("sqlite", sqlite3.sqlite_version, [])


@pytest.mark.postgres
def test_a_server_is_asked_for_its_version_and_its_connections(tmp_path: Path, postgres_url: str) -> None:
    project = CliProject(tmp_path, postgres_url, database={"pool": 16})
    project.ok("migrate")
    found = project.json("check", "--connect")["database"]
    assert found["dialect"] == "postgresql"
    assert int(found["version"].split(".")[0]) >= 13
    assert found["latency_ms"] < 1000
    assert (found["needed"], found["pending"]) == (19, [])
    project.configure(database={"pool": found["connections"]})
    report = project.hub("check", "--connect", "--json")
    assert report.exit_code == 1
    fault = json.loads(report.stdout)["faults"][0]
    assert fault["path"] == "database.pool"
    assert f"the server gives {found['connections']}" in fault["message"]


@pytest.mark.postgres
def test_a_schema_that_is_behind_is_a_fault_where_the_hub_may_not_mend_it(tmp_path: Path, postgres_url: str) -> None:
    project = CliProject(tmp_path, postgres_url)
    assert project.json("check", "--connect")["faults"] == []
    project.configure(database={"migrate": "check"})
    report = project.hub("check", "--connect", "--json")
    assert report.exit_code == 1
    assert "hub migrate" in json.loads(report.stdout)["faults"][0]["message"]


def test_a_server_that_is_away_is_a_fault_with_its_address(tmp_path: Path) -> None:
    project = CliProject(tmp_path, "postgresql://hub:${env:PW}@127.0.0.1:1/hub")
    report = project.hub("check", "--connect", "--json", env={"PW": "s3cret"})
    assert report.exit_code == 1
    fault = json.loads(report.stdout)["faults"][0]
    assert (fault["part"], fault["path"]) == ("database", "database.url")
    assert "127.0.0.1:1" in fault["message"]
    assert "s3cret" not in report.output


# --- migrate -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CliProject]:
    return CliProject(tmp_path, request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


def test_migrating_and_again(fresh: CliProject) -> None:
    before = fresh.json("migrate", "--status")["data"]
    assert [state["applied_at"] for state in before] == [None] * len(before)
    assert "missing" in fresh.ok("migrate", "--status")
    applied = fresh.json("migrate")["data"]
    assert [state["version"] for state in applied] == [state["version"] for state in before]
    assert fresh.json("migrate") == {"data": []}
    assert "nothing to do" in fresh.hub("migrate").stderr
    assert all(state["checksum_ok"] for state in fresh.json("migrate", "--status")["data"])
    assert fresh.hub("jobs", "list").exit_code == 0


def test_the_sql_is_that_of_what_is_missing(fresh: CliProject) -> None:
    assert "CREATE TABLE IF NOT EXISTS queue_jobs" in fresh.ok("migrate", "--sql")
    assert fresh.json("migrate", "--status")["data"][0]["applied_at"] is None  # it was only printed
    fresh.ok("migrate")
    assert fresh.ok("migrate", "--sql") == ""


@pytest.mark.postgres
def test_the_sql_runs_as_it_stands(tmp_path: Path, postgres_url: str, postgres: PostgresDatabases) -> None:
    project = CliProject(tmp_path, postgres_url)
    sql = project.ok("migrate", "--sql")
    postgres.execute(sql, database=postgres_url.rpartition("/")[2])
    assert fresh_enough(project.json("migrate", "--status")["data"])
    assert project.hub("jobs", "list").exit_code == 0


def fresh_enough(states: list[dict[str, Any]]) -> bool:
    return all(state["applied_at"] is not None for state in states)


# --- tokens ------------------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_kept_as_its_digest(fresh: CliProject) -> None:
    fresh.ok("migrate")
    token = fresh.ok("token", "create", "ci", "--role", "operator").strip()
    assert token.startswith(PREFIX)
    assert len(token) == len(PREFIX) + 43
    assert token not in fresh.ok("token", "list") + json.dumps(fresh.json("token", "list"))
    assert [(each["name"], each["role"]) for each in fresh.json("token", "list")["data"]] == [("ci", "operator")]
    if fresh.url.startswith("sqlite"):
        with sqlite3.connect(fresh.url.removeprefix("sqlite:///")) as connection:
            kept = connection.execute("SELECT sha256 FROM hub_tokens").fetchall()
        connection.close()
        assert kept == [(digest(token),)]


def test_who_makes_a_token_is_told_when_calls_need_none(fresh: CliProject) -> None:
    fresh.ok("migrate")
    assert '"required": true' in fresh.hub("token", "create", "open", "--role", "viewer").stderr
    fresh.configure(auth={"required": True})
    assert "required" not in fresh.hub("token", "create", "shut", "--role", "viewer").stderr


def test_a_name_is_used_once_until_it_is_revoked(fresh: CliProject) -> None:
    fresh.ok("migrate")
    first = fresh.json("token", "create", "ci", "--role", "viewer")["token"]
    taken = fresh.hub("token", "create", "ci", "--role", "admin")
    assert taken.exit_code == 1
    assert "there is a token 'ci' already" in taken.stderr
    fresh.ok("token", "revoke", "ci")
    assert fresh.json("token", "list")["data"][0]["revokedon"] is not None
    assert fresh.hub("token", "revoke", "ci").exit_code == 1
    second = fresh.json("token", "create", "ci", "--role", "admin")
    assert second["token"] != first
    assert [(t["role"], t["revokedon"]) for t in fresh.json("token", "list")["data"]] == [("admin", None)]


@pytest.mark.parametrize("words", [["ci"], ["ci", "--role", "root"], [" ", "--role", "admin"]])
def test_a_token_needs_a_name_and_one_of_the_roles(project: CliProject, words: list[str]) -> None:
    project.ok("migrate")
    assert project.hub("token", "create", *words).exit_code in (1, 2)
    assert project.json("token", "list")["data"] == []

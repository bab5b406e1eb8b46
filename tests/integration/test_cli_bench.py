"""`hub bench`: figures of the configured database, of which nothing is touched."""

import json
import sqlite3
from pathlib import Path

import pytest

from tests.integration.cli_project import CliProject
from tests.servers import MariadbDatabases, PostgresDatabases

DATABASES = ("sqlite", "postgresql", "mariadb")


@pytest.fixture(params=DATABASES)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> CliProject:
    fixture = {"sqlite": "sqlite_url", "postgresql": "postgres_url", "mariadb": "mariadb_url"}[request.param]
    return CliProject(tmp_path, request.getfixturevalue(fixture))


def test_every_figure_is_measured_and_nothing_is_left(
    project: CliProject, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    figures = json.loads(project.ok("bench", "--jobs", "100", "--json"))
    assert (figures["workers"], figures["jobs"]) == (4, 100)
    assert set(figures["rates"]) == {"empty", "insert", "shared", "batch"}
    assert all(rate > 1 for rate in (*figures["rates"].values(), figures["enqueue"]))
    assert 0 <= figures["pickup_p50"] <= figures["pickup_p99"]
    if project.url.startswith("sqlite"):
        assert not [path for path in tmp_path.iterdir() if path.name.startswith("hub-scratch-")]
        return
    names = (
        request.getfixturevalue("postgres").fetch("SELECT datname FROM pg_database")
        if project.url.startswith("postgresql")
        else request.getfixturevalue("mariadb").fetch("SHOW DATABASES")
    )
    assert not [name for (name,) in names if name.startswith("hub_scratch_")]


def test_the_configured_file_is_not_even_made(tmp_path: Path) -> None:
    file = tmp_path / "mine.db"
    CliProject(tmp_path, f"sqlite:///{file}").ok("bench", "--jobs", "100", "--json")
    assert not file.exists()


def test_rows_that_are_there_stay_as_they_are(tmp_path: Path, sqlite_url: str) -> None:
    project = CliProject(tmp_path, sqlite_url)
    project.ok("migrate")
    project.ok("enqueue", "bench.empty", "{}")
    project.ok("bench", "--jobs", "100", "--json")
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        assert connection.execute("SELECT handler, statusid FROM queue_jobs").fetchall() == [("bench.empty", 0)]


def test_a_user_who_may_not_make_databases_is_told_how_to(
    postgres: PostgresDatabases, postgres_url: str, tmp_path: Path
) -> None:
    name = f"{postgres.unique_name()}_poor"
    postgres.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
    try:
        place = postgres_url.partition("://")[2].rpartition("@")[2]
        variables = {"DATABASE_URL": f"postgresql://{name}:x@{place}"}
        answer = CliProject(tmp_path, "sqlite:///other.db").hub("bench", "--jobs", "100", env=variables)
        assert answer.exit_code == 1, answer.output
        assert "permission denied to create database" in answer.output
        assert "CREATEDB" in answer.output
    finally:
        postgres.execute(f"DROP ROLE {name}")


def test_a_mariadb_user_who_may_not_make_databases_is_told_how_to(
    mariadb: MariadbDatabases, mariadb_url: str, tmp_path: Path
) -> None:
    name = f"poor_{mariadb.unique_name()}"[:32]
    database = mariadb_url.rpartition("/")[2]
    mariadb.execute(f"CREATE USER '{name}'@'%' IDENTIFIED BY 'x'", f"GRANT SELECT ON `{database}`.* TO '{name}'@'%'")
    try:
        place = mariadb_url.partition("://")[2].rpartition("@")[2]
        variables = {"DATABASE_URL": f"mysql://{name}:x@{place}"}
        answer = CliProject(tmp_path, "sqlite:///other.db").hub("bench", "--jobs", "100", env=variables)
        assert answer.exit_code == 1, answer.output
        assert "Access denied" in answer.output
        assert "GRANT CREATE" in answer.output
    finally:
        mariadb.execute(f"DROP USER '{name}'@'%'")

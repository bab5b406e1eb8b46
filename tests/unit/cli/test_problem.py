"""What is told when something goes wrong."""

import errno
import os

import pytest
import typer
from typer.testing import CliRunner

from hub.cli.command import command, group
from hub.cli.problem import explain
from hub.config import ConfigurationError, Fault
from hub.errors import (
    AddressInvalid,
    DatabaseUnavailable,
    MigrationError,
    NotFound,
    Permanent,
    Rejected,
    TransactionConflict,
)
from hub.handlers.mark import HandlersInvalid

FAULTS = ConfigurationError([Fault("jobs.wrkers", "unknown key", 'did you mean "workers"?')], "c.json")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (FAULTS, 2, "1 fault in the configuration (c.json)"),
        (HandlersInvalid("no module 'x'"), 2, "handlers cannot be loaded"),
        (AddressInvalid("no scheme"), 2, "no scheme"),
        (DatabaseUnavailable("refused"), 1, "the database cannot be used: refused"),
        (TransactionConflict("deadlock"), 1, "another try"),
        (MigrationError("run `hub migrate`"), 1, "hub migrate"),
        (NotFound("there is no job 'x'"), 1, "there is no job 'x'"),
        (Permanent("priority: too large"), 1, "priority: too large"),
        (Rejected("too long", field="handler"), 1, "handler: too long"),
        (FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "/no/such"), 1, "/no/such: No such file"),
        (OSError(errno.EADDRINUSE, "Address already in use"), 1, "port is taken"),
        (PermissionError(errno.EACCES, "Permission denied"), 1, "not allowed"),
        (ValueError("a bug"), 1, "unexpected ValueError: a bug"),
    ],
)
def test_each_error_has_its_words_and_its_code(error: Exception, code: int, said: str) -> None:
    problem = explain(error)
    assert problem.code == code
    assert said in problem.headline


def test_faults_are_told_with_their_places_and_suggestions() -> None:
    assert explain(FAULTS).details == [("jobs.wrkers: unknown key", 'did you mean "workers"?')]


@pytest.fixture
def app() -> typer.Typer:
    made = group("A group.")

    @command(made)
    def broken() -> None:
        """It never works."""
        raise DatabaseUnavailable("[bold]nobody[/] answers")

    @command(made)
    async def sound() -> None:
        """It works."""
        typer.echo("done")

    return made


def test_an_error_is_a_line_and_a_hint(app: typer.Typer) -> None:
    shown = CliRunner().invoke(app, ["broken"])
    assert shown.exit_code == 1
    assert shown.stdout == ""
    first, second = shown.stderr.splitlines()
    assert first == "error: the database cannot be used: [bold]nobody[/] answers"
    assert second.startswith("hint: ")
    assert "Traceback" not in shown.output


def test_debug_shows_the_traceback(app: typer.Typer) -> None:
    shown = CliRunner().invoke(app, ["broken", "--debug"])
    assert shown.exit_code == 1
    assert "Traceback (most recent call last)" in shown.stderr
    assert "hub.errors.DatabaseUnavailable" in shown.stderr


def test_what_goes_well_ends_with_0(app: typer.Typer) -> None:
    shown = CliRunner().invoke(app, ["sound"])
    assert (shown.exit_code, shown.stdout, shown.stderr) == (0, "done\n", "")

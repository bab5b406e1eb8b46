"""The help: there for every command, true, and quick."""

import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from hub.cli.main import app

HEAVY = ("sqlalchemy", "pydantic", "aiohttp", "asyncpg", "sqlite3", "hub.app", "hub.config", "rich")


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    command = command or typer.main.get_command(app)
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))
    if not hasattr(command, "commands"):
        yield path, command


ALL = {" ".join(path): command for path, command in commands()}


def examples(command: Any) -> list[str]:
    text = command.help.partition("Examples:\n")[2].replace("\\[", "[")
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_the_commands_are_those_of_this_version() -> None:
    assert sorted(ALL) == sorted(
        [
            *(
                "run",
                "bench",
                "check",
                "migrate",
                "init",
                "enqueue",
                "publish",
                "status",
                "schema",
                "openapi",
                "asyncapi",
            ),
            *("jobs list", "jobs show", "jobs retry", "jobs cancel", "jobs tail"),
            *("dead list", "dead redrive", "dead purge"),
            *("schedules list", "schedules run", "schedules pause", "schedules resume"),
            *("workflows list", "workflows show", "workflows start"),
            *("workflows cancel", "workflows resume", "workflows signal"),
            *("token create", "token list", "token revoke"),
        ]
    )


@pytest.mark.parametrize("name", ALL)
def test_a_command_explains_itself(name: str) -> None:
    shown = CliRunner().invoke(app, [*name.split(), "--help"])
    assert shown.exit_code == 0, shown.output
    assert "Examples:" in shown.output
    assert "--debug" in shown.output
    for parameter in ALL[name].params:
        assert parameter.help, f"{parameter.name} has no help"
    assert "typing." not in shown.output, "a type of Python says nothing to who types an argument"


@pytest.mark.parametrize("name", ALL)
def test_examples_are_command_lines_that_parse(name: str) -> None:
    path = ["hub", *name.split()]
    found = examples(ALL[name])
    lines = [words for example in found for words in pipeline(example) if words[: len(path)] == path]
    assert lines, f"none of {found} calls {' '.join(path)}"
    for words in lines:
        ALL[name].make_context(name, words[len(path) :])


def pipeline(line: str) -> Iterator[list[str]]:
    """The commands of a shell line, without variables before them, $(…) around them and redirections behind."""
    line = line.partition("=$(")[2].removesuffix(")") or line
    for part in line.replace("&&", "|").split(" | "):
        words = shlex.split(part.partition(" > ")[0])
        while words and "=" in words[0]:
            words = words[1:]
        from_input = ["ID"] if "xargs" in words else []
        yield words[words.index("hub") :] + from_input if "hub" in words else words


@pytest.mark.parametrize("name", ALL)
def test_data_can_be_had_as_json_and_the_configuration_be_named(name: str) -> None:
    options = {option for parameter in ALL[name].params for option in parameter.opts}
    assert "--config" in options or name in ("init", "schema")
    assert "--json" in options or name in ("init", "schema", "openapi", "asyncapi", "run", "token revoke")


def test_a_misspelt_command_is_met_with_a_suggestion() -> None:
    shown = CliRunner().invoke(app, ["job", "list"])
    assert shown.exit_code == 2
    assert "Did you mean 'jobs'?" in shown.output


def test_help_loads_nothing_of_weight() -> None:
    program = "import sys, hub.cli.main; print(*(name for name in sys.argv[1:] if name in sys.modules))"
    command = [sys.executable, "-c", program, *HEAVY]
    loaded = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.split()
    assert loaded == []


def test_the_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).output.startswith("hub ")

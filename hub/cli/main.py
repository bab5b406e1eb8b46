"""The command `hub`, put together from its parts.

Invariant: importing this imports typer and the declarations of the commands, nothing else of weight.
"""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from hub.cli import (
    asyncapi,
    bench,
    check,
    dead,
    enqueue,
    init,
    jobs,
    migrate,
    openapi,
    publish,
    run,
    schedules,
    schema,
    status,
    tokens,
    workflows,
)
from hub.cli.command import command, group

_RUNNING = "Run"
_WORK = "Jobs"
_SETUP = "Set up"

app = group(
    "An event-driven integration hub: every message becomes one durable row, every row one committed effect.\n\n"
    "New here? `hub init DIR` makes a project, `hub run` runs it.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from hub.version import version

        print(f"hub {version()}")
        raise typer.Exit


@app.callback()
def _hub(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass  # the option's callback has done it


command(app, "run", examples=run.EXAMPLES, rich_help_panel=_RUNNING)(run.run)
command(app, "status", examples=status.EXAMPLES, rich_help_panel=_RUNNING)(status.status)
command(app, "bench", examples=bench.EXAMPLES, rich_help_panel=_RUNNING)(bench.bench)
command(app, "enqueue", examples=enqueue.EXAMPLES, rich_help_panel=_WORK)(enqueue.enqueue)
command(app, "publish", examples=publish.EXAMPLES, rich_help_panel=_WORK)(publish.publish)
app.add_typer(jobs.app, name="jobs", rich_help_panel=_WORK)
app.add_typer(dead.app, name="dead", rich_help_panel=_WORK)
app.add_typer(schedules.app, name="schedules", rich_help_panel=_WORK)
app.add_typer(workflows.app, name="workflows", rich_help_panel=_WORK)
command(app, "init", examples=init.EXAMPLES, rich_help_panel=_SETUP)(init.init)
command(app, "check", examples=check.EXAMPLES, rich_help_panel=_SETUP)(check.check)
command(app, "migrate", examples=migrate.EXAMPLES, rich_help_panel=_SETUP)(migrate.migrate)
command(app, "schema", examples=schema.EXAMPLES, rich_help_panel=_SETUP)(schema.schema)
command(app, "openapi", examples=openapi.EXAMPLES, rich_help_panel=_SETUP)(openapi.openapi)
command(app, "asyncapi", examples=asyncapi.EXAMPLES, rich_help_panel=_SETUP)(asyncapi.asyncapi)
app.add_typer(tokens.app, name="token", rich_help_panel=_SETUP)


def main() -> None:
    """The entry of the console script and of `python -m hub`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal or file that cannot hold a sign shows its number
    app(prog_name="hub")

"""`hub run`: this instance, until it is told to stop."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import Annotated

import typer

from hub.cli import values
from hub.cli.command import ConfigFile

EXAMPLES = (
    "hub run",
    "hub run --config /etc/hub/configuration.json",
    "hub run --only worker --queues critical,external",
    "DATABASE_URL=postgresql://hub@127.0.0.1/hub hub run",
)


def run(
    config: ConfigFile = None,
    only: Annotated[
        values.Names | None,
        typer.Option(
            parser=values.names, metavar="ROLES", help="Some of worker,scheduler,adapters,api. Left out: all of them."
        ),
    ] = None,
    queues: Annotated[
        values.Names | None,
        typer.Option(parser=values.names, metavar="NAMES", help="Run the jobs of these queues alone, like a,b."),
    ] = None,
    process: Annotated[str | None, typer.Option(hidden=True, help="One of several processes.")] = None,
) -> None:
    """Run the hub until Ctrl-C or SIGTERM.

    The first signal drains: nothing new is taken, what runs may finish within jobs.shutdown_timeout, the rest is given
    back to the queue. A second one ends the process at once; its jobs run again when their leases expire.
    With jobs.processes above 1 it is a supervisor of that many processes, which starts one again that dies.

    \b
    Exit codes:
      0  stopped and drained
      1  could not start: database away, port taken
      2  configuration, handlers or command line cannot be used
      130, 143  ended at once by a second Ctrl-C or SIGTERM
    """
    # Too early to follow a reload that is asked for, which must not end it: systemd would take that for a wanted stop.
    with suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Imported here, as in every command: `hub --help` needs none of it.
    from hub.cli.serve import serve

    serve(config, roles=only, queues=queues, process=process)

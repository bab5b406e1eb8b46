"""A process that is going to be hurt: `python -m tests.faults.victim --url … --point before-commit --at 7`.

It runs the engine alone, on the database `--url`, or with `--hub FILE` the whole hub of a configuration, as
`hub run --config FILE` does. Of a hub in several processes each is such a victim, and the supervisor is one without a
trap: that springs in the process that comes there first, and not again in the one that takes its place.

Invariant: it runs the hub as it is; only the trap and the controls asked for are put around it.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from hub.telemetry import configure_logging
from tests.faults import controls, delivery, handlers, points
from tests.faults.controls import Control
from tests.faults.engine import Work, running
from tests.faults.points import Deed, Journal, Point, Trap


def main(words: Sequence[str] | None = None) -> int:
    """Work until SIGTERM, or until the trap springs."""
    options = _parser().parse_args(words)
    configure_logging("info")
    journal = Journal(options.journal)
    trap = Trap(options.point, options.at, options.deed, journal, options.armed)
    # The controls first: the trap lies around whatever is wrong, as it lies around what is right.
    controls.install(options.control)
    points.install(trap)
    if options.hub is not None:
        return _run_hub(options.hub, journal, list(sys.argv[1:] if words is None else words), options.process)
    uvloop.run(_serve(options.url, msgspec.json.decode(options.work, type=Work), journal))
    return 0


def _run_hub(file: Path, journal: Journal, words: list[str], process: str | None) -> int:
    """`hub run`, which is ready when its start has come to its end."""
    # Here, as the many workers that are an engine alone should start quickly.
    from typer import Exit

    from hub.app import Hub
    from hub.cli.serve import serve

    points.install_at_the_door()
    start, stop = Hub.start, Hub.stop

    async def start_told(self: Hub) -> None:
        journal.write(f"{points.INSTANCE}{self.instance}")
        await start(self)
        journal.write("ready")

    async def stop_told(self: Hub) -> None:
        journal.write("stopping")
        await stop(self)
        journal.write("stopped")

    controls.replace(Hub, "start", start_told)
    controls.replace(Hub, "stop", stop_told)
    _lead_processes(words)
    try:
        serve(file, roles=None, queues=None, process=process)
    except Exit as end:  # a supervisor's
        return end.exit_code
    return 0


def _lead_processes(words: list[str]) -> None:
    """What a supervisor starts is such a victim, too."""
    spawn: Any = asyncio.create_subprocess_exec

    async def spawn_victim(program: str, *arguments: str, **rest: Any) -> Any:
        if arguments[:3] == ("-m", "hub", "run"):
            arguments = ("-m", "tests.faults.victim", *words, "--process", arguments[-1])
        return await spawn(program, *arguments, **rest)

    controls.replace(asyncio, "create_subprocess_exec", spawn_victim)


async def _serve(url: str, work: Work, journal: Journal) -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    async with running(url, work, [handlers, delivery]):
        journal.write("ready")
        await told.wait()
        journal.write("stopping")
    journal.write("stopped")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    add: Any = parser.add_argument
    where: Any = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--url", help="the database of an engine")
    where.add_argument("--hub", type=Path, help="the configuration of a hub")
    add("--process", default=None, help="this is one process of several, named as `hub run` does")
    add("--journal", type=Path, required=True, help="the file that outlives this process")
    add("--point", type=Point, choices=list(Point), default=None)
    add("--at", type=int, default=1, help="at which passing of the point")
    add("--armed", type=Path, default=None, help="the trap counts passings only while this file is there")
    add("--deed", type=Deed, choices=list(Deed), default=Deed.KILL)
    add("--control", type=Control, choices=list(Control), action="append", default=[])
    add("--work", default="{}", help="JSON: how the worker works (tests.faults.engine.Work)")
    return parser


if __name__ == "__main__":
    sys.exit(main())

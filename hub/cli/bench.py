"""`hub bench`: what this machine, this database and this configuration can do."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from hub.cli import values
from hub.cli.command import AsJson, ConfigFile

EXAMPLES = (
    "hub bench",
    "hub bench --jobs 50000",
    "DATABASE_URL=postgresql://hub@db.example/hub hub bench --json | jq .rates.insert",
)


def bench(
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs", parser=values.whole(100, 10_000_000), metavar="N", help="How many each figure is taken of."
        ),
    ] = 10_000,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Measure how many jobs a second this configuration's database and workers carry.

    It makes a database of its own beside the configured one (same server, same user, who must be allowed to), and
    drops it afterwards: no row of yours is read or written. The machine's load counts: a hub that runs beside it, too.
    """
    from hub.cli.measuring import PARTS, Figures, Measuring, show
    from hub.cli.serve import event_loop
    from hub.cli.session import configured
    from hub.cli.show import print_json, progress

    configuration = configured(config)

    async def measured() -> Figures:
        with progress(jobs * len(PARTS)) as bar:
            task = bar.add_task("", total=jobs * len(PARTS), jobs=0)

            def told(what: str, done: int) -> None:
                bar.update(task, description=what, completed=done, jobs=done)

            return await Measuring(configuration, jobs, told).run()

    with asyncio.Runner(loop_factory=event_loop()) as runner:
        figures = runner.run(measured())
    if as_json:
        print_json(figures)
    else:
        show(figures)

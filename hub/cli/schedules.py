"""`hub schedules`: what fires when, and a hand on it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hub.cli import values
from hub.cli.command import AsJson, ConfigFile, command, group
from hub.cli.jobs import Limit

app = group("Schedules: list, run now, pause, resume.")

Names = Annotated[list[str], typer.Argument(metavar="NAME", help="Of one or more schedules, or their ids.")]


@command(
    app,
    "list",
    examples=[
        "hub schedules list",
        "hub schedules list --next 3",
        "hub schedules list --json | jq '.data[].nextrunat'",
    ],
)
async def list_schedules(
    following: Annotated[
        int,
        typer.Option("--next", parser=values.whole(1, 50), metavar="N", help="Show so many of each one's next times."),
    ] = 1,
    limit: Limit = 50,
    after: Annotated[str, typer.Option("--after", metavar="NAME", help="Go on behind this name.")] = "",
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List schedules by name, with the times of their next fires."""
    from hub.cli.session import opened
    from hub.cli.show import print_json
    from hub.clock import SystemClock
    from hub.errors import Rejected
    from hub.scheduler.control import Control

    async with opened(config) as session:
        control = Control(session.database, SystemClock())
        page = await control.page(after, limit)
        for row in page:
            try:
                row["next"] = await control.upcoming(row["id"], following)
            except Rejected as fault:
                row["next"], row["lasterror"] = [], row["lasterror"] or str(fault)
    if as_json:
        print_json({"data": page})
    else:
        _show(page)


@command(app, "run", examples=["hub schedules run daily-report"])
async def run(names: Names, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Make one job of each schedule now; their times and counts stay as they are."""
    await _each(names, config, as_json, "run")


@command(app, "pause", examples=["hub schedules pause daily-report"])
async def pause(names: Names, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Stop schedules until they are resumed. One of the configuration is as configured again after a reload."""
    await _each(names, config, as_json, "pause")


@command(app, "resume", examples=["hub schedules resume daily-report"])
async def resume(names: Names, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Let schedules go on from now; what they missed is not made up."""
    await _each(names, config, as_json, "resume")


async def _each(names: list[str], config: Any, as_json: bool, what: str) -> None:
    """Do it to each, and tell what became of it; exit code 1 unless all were found."""
    from hub.cli.session import actor, opened
    from hub.cli.show import output, print_json, table
    from hub.clock import SystemClock
    from hub.errors import NotFound
    from hub.scheduler.control import Control

    outcomes: list[dict[str, str]] = []
    missing = False
    async with opened(config) as session:
        control = Control(session.database, SystemClock())
        for name in names:
            try:
                match what:
                    case "run":
                        outcome = f"job {(await control.run(name, actor=actor()))[0]}"
                    case "pause":
                        await control.pause(name, actor=actor())
                        outcome = "paused"
                    case _:
                        await control.resume(name, actor=actor())
                        outcome = "resumed"
            except NotFound:
                missing, outcome = True, "not found"
            outcomes.append({"schedule": name, "outcome": outcome})
    if as_json:
        print_json({"data": outcomes})
    else:
        output().print(table(["SCHEDULE", "OUTCOME"], [(each["schedule"], each["outcome"]) for each in outcomes]))
    if missing:
        raise typer.Exit(1)


def _show(page: list[dict[str, Any]]) -> None:
    from hub.cli.show import age, first_line, output, say, table

    if not page:
        say("no schedules")
        return
    rows = [
        (
            row["name"],
            row["status"],
            row["cronexpression"] or (f"every {row['intervalseconds']} s" if row["intervalseconds"] else "once"),
            row["timezone"],
            row["handler"],
            str(row["executioncount"]),
            age(row["lastrunat"]),
            ", ".join(f"{at:%Y-%m-%d %H:%M:%S}" for at in row["next"]),
            first_line(row["lasterror"]),
        )
        for row in page
    ]
    columns = ["NAME", "STATUS", "WHEN", "ZONE", "HANDLER", "RUNS", "LAST", "NEXT (UTC)", "ERROR"]
    output().print(table(columns, rows, right=["RUNS"]))

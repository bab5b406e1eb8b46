"""`hub check`: everything that is wrong with a hub before it runs, at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.command import AsJson, ConfigFile

if TYPE_CHECKING:
    from hub.cli.examine import Finding, Report

EXAMPLES = ("hub check", "hub check config/configuration.json --connect", "hub check --json | jq .faults")


async def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The configuration; the same as --config.")
    ] = None,
    connect: Annotated[
        bool, typer.Option("--connect", help="Reach the database, the adapters and the cache too.")
    ] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Check the configuration, the handlers and what refers to them; run nothing.

    Each fault is told with its place and, where there is one, a suggestion; then the exit code is 1. With --connect
    also: the database's version and latency, migrations that are missing, whether it takes the connections that
    database.pool and the hub's reserve need, whether each adapter can be connected to, and whether the cache is there.
    """
    from hub.cli.examine import examine
    from hub.cli.show import print_json

    report = await examine(file or config, connect=connect)
    if as_json:
        print_json(report.plain())
    else:
        _show(report)
    if report.faults:
        raise typer.Exit(1)


def _show(report: Report) -> None:
    from rich.text import Text

    from hub.cli.show import output, pairs, printable

    console = output()
    console.print(pairs((part, Text.from_markup(text)) for part, text in _summary(report)))
    for title, style, findings in (("fault", "bold red", report.faults), ("warning", "yellow", report.warnings)):
        for finding in findings:
            message = printable(finding.message)
            console.print(Text.assemble((title, style), " ", (printable(finding.path), "bold"), ": ", message))
            if finding.suggestion:
                console.print(Text(f"  {finding.suggestion}", style="dim"))


def _summary(report: Report) -> list[tuple[str, str]]:
    """A line for each part that was looked at."""
    from hub.config import without_file

    lines = [("configuration", f"{_verdict(report, 'configuration')}  [dim]{report.file or without_file()}[/]")]
    if report.handlers is not None:
        lines.append(("handlers", f"{_verdict(report, 'handlers')}  [dim]{report.handlers} registered[/]"))
        lines.append(("references", f"{_verdict(report, 'references')}  [dim]{report.references} to handlers[/]"))
    if report.database is not None:
        found = report.database
        latency = f", {found.latency_ms:.1f} ms" if found.latency_ms is not None else ""
        version = f" {found.version}" if found.version else ""
        lines.append(("database", f"{_verdict(report, 'database')}  [dim]{found.dialect}{version}{latency}[/]"))
        if found.connections is not None:
            lines.append(("connections", f"[dim]{found.needed} needed of {found.connections}[/]"))
        if found.pending:
            lines.append(("migrations", f"[dim]{', '.join(found.pending)} missing[/]"))
    if report.adapters:
        names = ", ".join(f"{one.adapter}{' (not tried)' if one.skipped else ''}" for one in report.adapters)
        lines.append(("adapters", f"{_verdict(report, 'adapters')}  [dim]{names}[/]"))
    if report.cache is not None:
        lines.append(
            ("cache", f"{'[green]ok[/]' if report.cache.reachable else 'away'}  [dim]{report.cache.adapter}[/]")
        )
    return lines


def _verdict(report: Report, part: str) -> str:
    found: list[Finding] = [fault for fault in report.faults if fault.part == part]
    if not found:
        return "[green]ok[/]"
    return f"[red]{len(found)} fault{'s' if len(found) > 1 else ''}[/]"

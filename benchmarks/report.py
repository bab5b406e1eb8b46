"""The table and the JSON of a run.

Invariant: nothing is decided here but how it looks: figures, ratios and whether goals are met come from `figures`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Goal, Line, Results


def show(console: Console, results: Sequence[Results]) -> None:
    """Print a table a benchmark, all with the same columns."""
    for number, one in enumerate(results):
        console.print(f"\n[bold]{one.benchmark.title}[/bold]")
        table = _table(heading=number == 0)
        for line in one.benchmark.lines:
            table.add_row(*_cells(one, line))
        console.print(table)
        for contestant, reason in one.failures.items():
            console.print(f"  [red]{contestant} failed: {reason}[/red]")


def _table(*, heading: bool) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, show_header=heading)
    table.add_column("", width=40)
    table.add_column("figure", justify="right", width=8)
    table.add_column("", width=6)
    table.add_column("beside", width=32)
    table.add_column("goal", justify="right", width=8)
    table.add_column("met", width=3)
    table.add_column("CPU s/10k\nworker", justify="right", width=9)
    table.add_column("\nserver", justify="right", width=6)
    return table


def as_json(results: Sequence[Results], machine: dict[str, str], notes: Sequence[str]) -> dict[str, Any]:
    """The same as data; figures of a line are the runs behind its median."""
    return {
        "machine": machine,
        "notes": list(notes),
        "benchmarks": [
            {
                "name": one.benchmark.name,
                "title": one.benchmark.title,
                "lines": [_line(one, line) for line in one.benchmark.lines],
                "failures": one.failures,
            }
            for one in results
        ],
    }


def _cells(results: Results, line: Line) -> tuple[str, ...]:
    figure = results.figure(line)
    compared = [(goal, results.compared(line, goal)) for goal in line.goals]
    return (
        f"  {line.name}",
        "-" if figure is None else number(figure),
        line.unit,
        "\n".join(
            "" if goal.of is None or value is None else f"{value:.2f} x {goal.of.strip()}" for goal, value in compared
        ),
        "\n".join(_bound(goal) for goal in line.goals),
        "\n".join(_verdict(goal, value) for goal, value in compared),
        *(_cpu(results, line, name) for name in ("worker_cpu", "server_cpu")),
    )


def _line(results: Results, line: Line) -> dict[str, Any]:
    return {
        "name": line.name.strip(),
        "unit": line.unit,
        "median": results.figure(line),
        "runs": results.values(line.contestant, line.figure),
        "worker_cpu": results.median(line.contestant, "worker_cpu"),
        "server_cpu": results.median(line.contestant, "server_cpu"),
        "goals": [
            {
                "of": goal.of.strip() if goal.of is not None else None,
                "at_least": goal.at_least,
                "at_most": goal.at_most,
                "value": value,
                "met": goal.met(value) if value is not None else None,
            }
            for goal in line.goals
            for value in [results.compared(line, goal)]
        ],
    }


def number(value: float) -> str:
    """Three digits at least, none that mean nothing."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _bound(goal: Goal) -> str:
    if goal.at_least is not None:
        return f">= {goal.at_least:,g}"
    return f"<= {goal.at_most:,g}" if goal.at_most is not None else ""


def _verdict(goal: Goal, value: float | None) -> str:
    met = goal.met(value) if value is not None else None
    return {True: "[green]yes[/green]", False: "[red]no[/red]", None: ""}[met]


def _cpu(results: Results, line: Line, name: str) -> str:
    value = results.median(line.contestant, name)
    # once a contestant: with its first line
    first = next(one for one in results.benchmark.lines if one.contestant == line.contestant)
    return "" if value is None or line is not first else f"{value:.2f}"

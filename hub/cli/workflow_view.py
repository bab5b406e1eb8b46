"""Workflows as tables and trees.

Invariant: what stands in a row is shown as text: it can neither colour the terminal nor move its cursor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from rich.text import Text
from rich.tree import Tree

from hub.cli.session import Session
from hub.cli.show import age, first_line, output, pairs, printable, say, span, table
from hub.clock import SystemClock
from hub.queue.arrival import Arrival
from hub.workflows.catalog import Catalog
from hub.workflows.control import Workflows

Record = dict[str, Any]

_COLOURS = {
    "pending": "dim",
    "queued": "cyan",
    "waiting": "blue",
    "running": "magenta",
    "retrying": "yellow",
    "completed": "green",
    "failed": "red",
    "cancelled": "bright_black",
}
_SIGNS = {"completed": "✔", "failed": "✘", "running": "▶", "retrying": "↻", "waiting": "…", "cancelled": "-"}


def workflows_of(session: Session, *, collect: bool = False) -> Workflows:
    """The workflows of a session; `collect`: with the definitions of the configuration and its modules."""
    catalog = Catalog()
    if collect:
        from hub.settings import catalog_of  # here: they import all of the hub
        from hub.settings import collect as collect_handlers

        catalog = catalog_of(session.configuration, collect_handlers(session.configuration))
    return Workflows(session.database, session.store, session.records, catalog, SystemClock(), arrived=_nobody_waits)


def _nobody_waits(arrival: Arrival) -> None:
    """No workers in this process."""


def show_page(page: Sequence[Record], following: str | None) -> None:
    """A page of workflows, and how to see the next."""
    if not page:
        say("[dim]no such workflows[/]")
        return
    lines = [
        (
            each["workflow_id"],
            each["workflow_type"],
            _status(each["status"]),
            f"{each['steps_completed']}/{each['steps_begun']}",
            age(each["created_at"]),
            first_line(each["error_message"]),
        )
        for each in page
    ]
    output().print(table(["ID", "TYPE", "STATUS", "STEPS", "AGE", "NOTE"], lines, right=["STEPS"]))
    if following:
        say("[dim]more:[/]", f"--cursor {following}")


def show_workflow(found: Record) -> None:
    """One workflow: what it is, its steps as a tree, its context."""
    ended = found["completed_at"]
    took = span((ended - found["started_at"]).total_seconds()) if ended and found["started_at"] else ""
    console = output()
    console.print(
        pairs(
            [
                ("workflow", found["workflow_id"]),
                ("type", found["workflow_type"]),
                ("status", _status(found["status"])),
                ("started", age(found["started_at"]) and f"{age(found['started_at'])} ago"),
                ("took", took),
                ("error", first_line(found["error_message"])),
                ("started by", found["created_by"] or ""),
            ]
        )
    )
    console.print(_tree(found))
    context = msgspec.json.format(msgspec.json.encode(found["context"]), indent=2).decode()
    console.print(Text("\n".join(map(printable, context.splitlines()))))


def _tree(found: Record) -> Tree:
    """The steps below the last of those they come after; a join says which others it waits for."""
    tree = Tree(Text(found["workflow_type"], style="bold"))
    branches: dict[str, Tree] = {}
    left = list(found["steps"])
    while left:
        placed = [step for step in left if all(name in branches for name in step["after"])]
        for step in placed:
            above = branches[step["after"][-1]] if step["after"] else tree
            branches[step["step_name"]] = above.add(_line(step))
        if not placed:
            break  # a definition that SQL has changed
        left = [step for step in left if step not in placed]
    return tree


def _line(step: Record) -> Text:
    status = step["status"]
    line = Text.assemble(
        (f"{_SIGNS.get(status, '·')} ", _COLOURS.get(status, "")), printable(step["step_name"]), "  ", _status(status)
    )
    for note in _notes(step):
        line.append(f"  {printable(note)}", style="dim")
    return line


def _notes(step: Record) -> Iterable[str]:
    if len(step["after"]) > 1:
        yield f"(with {', '.join(step['after'][:-1])})"
    if step["started_at"] and step["completed_at"]:
        yield span((step["completed_at"] - step["started_at"]).total_seconds())
    if step["wait_for"] and step["status"] in ("pending", "waiting"):
        yield f"for the signal {step['wait_for']}"
    if step["due_at"] and step["status"] not in ("completed", "running"):
        yield f"due {age(step['due_at'])}"
    if step["error_message"]:
        yield first_line(step["error_message"], 80)


def _status(word: str) -> Text:
    return Text(word, style=_COLOURS.get(word, ""))

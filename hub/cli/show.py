"""How the commands look: tables, ages, colours, JSON, progress.

Invariant: data goes to standard output, everything else to standard error; what is no terminal gets whole lines
without colours, so that grep and awk see them as they are.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.table import Table
from rich.text import Text

from hub.clock import SystemClock
from hub.model import Status

_WIDE = 1000
_COLOURS = {
    "pending": "cyan",
    "queued": "cyan",
    "scheduled": "blue",
    "processing": "magenta",
    "retrying": "yellow",
    "completed": "green",
    "failed": "red",
    "cancelled": "bright_black",
}


def output() -> Console:
    """Standard output."""
    return _console(stderr=False)


def errors() -> Console:
    """Standard error."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(stderr=stderr, highlight=False, width=_WIDE)
    return console


def say(markup: str, plain: str = "", console: Console | None = None) -> None:
    """A line for people, to standard error: markup of rich, then text that may hold anything.

    While a progress bar is shown it must go through the bar's own console.
    """
    (console or errors()).print(Text.from_markup(markup) + (f" {printable(plain)}" if plain else ""))


def print_json(value: Any) -> None:
    """A value as JSON, to standard output; escaped, where that cannot hold its signs."""
    text = msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()
    if not text.isascii() and (sys.stdout.encoding or "utf-8").lower() != "utf-8":
        text = json.dumps(json.loads(text), indent=2)
    sys.stdout.write(text + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]], *, right: Sequence[str] = ()) -> Table:
    """Rows under headings; `right` names the columns of numbers."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        # Where the terminal is narrow the last column gives way: rich shrinks first what may be wrapped.
        made.add_column(column, justify="right" if column in right else "left", no_wrap=column != columns[-1])
    for row in rows:
        made.add_row(*(_cell(cell) for cell in row))
    return made


def pairs(entries: Iterable[tuple[str, str | Text]]) -> Table:
    """Names and values below one another; those without a value are left out."""
    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in entries:
        if value:
            made.add_row(name, value if isinstance(value, Text) else Text(printable(value)))
    return made


def _cell(value: str | Text) -> Text:
    """One line, whatever the column's width."""
    cell = value if isinstance(value, Text) else Text(printable(value))
    cell.no_wrap, cell.overflow = True, "ellipsis"
    return cell


def status_text(status: int) -> Text:
    """A status in its word and colour."""
    word = Status(status).word if status in Status._value2member_map_ else str(status)
    return Text(word, style=_COLOURS.get(word, ""))


def age(since: datetime | str | None, now: datetime | None = None) -> str:
    """How long ago, in one or two units: '3s', '5m', '2h 10m', '4d'; 'in 5m' for what is to come; '' for None. A text,
    which SQL has put where a time belongs, as it stands."""
    if since is None or isinstance(since, str):
        return printable(since or "")
    if since.tzinfo is None:  # PostgreSQL's infinity
        since = since.replace(tzinfo=UTC)
    seconds = ((now or SystemClock().now()) - since).total_seconds()
    text = span(abs(seconds))
    return f"in {text}" if seconds <= -1 else text


def moment(at: datetime | str) -> str:
    """A time and how long ago it is; a text as `age` has it."""
    return age(at) if isinstance(at, str) else f"{at:%Y-%m-%d %H:%M:%S} UTC  ({age(at)})"


def span(seconds: float) -> str:
    """A length of time in one or two units."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 86_400:
        minutes = whole % 3600 // 60
        return f"{whole // 3600}h {minutes}m" if minutes else f"{whole // 3600}h"
    return f"{whole // 86_400}d"


def printable(text: str) -> str:
    """Text without what a terminal would obey."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def first_line(text: str | None, limit: int = 120) -> str:
    """The first line of an error, cut."""
    line = printable((text or "").strip().partition("\n")[0])
    return line if len(line) <= limit else line[: limit - 1] + "…"


def progress(total: float | None) -> Progress:
    """A bar on standard error with the count and rate of jobs; nothing where that is no terminal.

    `total` None: not known. A task's field `jobs` is the count.
    """
    console = errors()
    bar: ProgressColumn = SpinnerColumn() if total is None else BarColumn()
    columns = (TextColumn("{task.description}"), bar, TextColumn("{task.fields[jobs]:,}"), _Rate())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


class _Rate(ProgressColumn):
    """How many jobs a second."""

    def render(self, task: Task) -> Text:
        rate = task.fields["jobs"] / task.elapsed if task.elapsed else 0
        return Text(f"{rate:,.0f}/s", style="dim")

"""What went wrong, in the words of somebody who wants to mend it: a line, the details, a hint, an exit code.

Invariant: no secret is shown; the messages of hub.errors hold none.
"""

from __future__ import annotations

import errno
import sys
from dataclasses import dataclass, field

from hub.config import ConfigurationError
from hub.errors import (
    AddressInvalid,
    DatabaseUnavailable,
    HubError,
    MigrationError,
    PayloadInvalid,
    Rejected,
    TransactionConflict,
)
from hub.handlers.mark import HandlersInvalid

FAILED = 1
UNUSABLE = 2
"""The command line or the configuration cannot be used as it is."""


@dataclass(frozen=True)
class Problem:
    """`headline` is one line; `details` are (text, hint or None), one for each thing to mend."""

    headline: str
    details: list[tuple[str, str | None]] = field(default_factory=list)
    hint: str | None = None
    code: int = FAILED


def explain(error: BaseException) -> Problem:
    """What to tell of an error that ended a command."""
    match error:
        case ConfigurationError():
            details = [(f"{fault.path}: {fault.message}", fault.suggestion) for fault in error.faults]
            return Problem(
                f"{_count(len(details), 'fault')} in the configuration ({error.source})", details, None, UNUSABLE
            )
        case HandlersInvalid():
            hint = 'the modules under "handlers" are looked for where the hub is started, then where Python looks'
            details = [(fault, None) for fault in error.faults]
            return Problem("the handlers cannot be loaded", details, hint, UNUSABLE)
        case AddressInvalid():
            return Problem(_line(error), code=UNUSABLE)
        case DatabaseUnavailable():
            hint = "it is named by database.url in the configuration, and by DATABASE_URL, which wins; is it running?"
            return Problem(f"the database cannot be used: {_line(error)}", hint=hint)
        case TransactionConflict():
            return Problem(f"the database asks for another try: {_line(error)}", hint="run the command again")
        case MigrationError():
            return Problem(_line(error))
        case PayloadInvalid():
            return Problem(_line(error))
        case Rejected(field=str(place)) if not str(error).startswith(place):
            return Problem(f"{place}: {_line(error)}")
        case HubError():
            return Problem(_line(error))
        case OSError():
            return _system(error)
    hint = "this is a fault of the hub itself: run it again with --debug, and report what that shows"
    return Problem(f"unexpected {type(error).__name__}: {_line(error)}", hint=hint)


def show_problem(problem: Problem) -> None:
    """Write it to standard error."""
    from hub.cli.show import errors

    console = errors()
    console.print(f"[bold red]error:[/] {_plain(problem.headline)}", highlight=False)
    for text, hint in problem.details:
        console.print(f"  {_plain(text)}", highlight=False)
        if hint:
            console.print(f"    [dim]{_plain(hint)}[/]", highlight=False)
    if problem.hint:
        console.print(f"[yellow]hint:[/] {_plain(problem.hint)}", highlight=False)


def _system(error: OSError) -> Problem:
    reason = error.strerror or str(error)
    place = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.EADDRINUSE:
        hint = "another program listens there: stop it, or choose another port with http.port or PORT (0: any free one)"
        return Problem(f"the port is taken: {reason}", hint=hint)
    if error.errno == errno.EACCES and not error.filename:
        return Problem(
            f"not allowed: {reason}", hint="ports below 1024 are for root: choose another with http.port or PORT"
        )
    return Problem(f"{place}{reason}")


def _line(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _plain(text: str) -> str:
    """Text that is no markup, and that the terminal shows and does not obey."""
    from rich.markup import escape

    from hub.cli.show import printable

    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    lines = [printable(line) for line in text.splitlines()]
    return escape("\n  ".join(lines).encode(encoding, "backslashreplace").decode(encoding))

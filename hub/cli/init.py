"""`hub init`: a new project that runs as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = ("hub init orders", "cd orders && hub check && hub run")


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is empty, or not there yet.")],
) -> None:
    """Make a new project: a configuration, a handler, its test.

    It runs as it is, on SQLite, with nothing else installed.
    """
    from hub.cli.project import write
    from hub.cli.show import output, say

    written = write(directory)
    for path in written:
        output().print(str(path))
    say("next:", f"cd {directory}, then: hub check, python -m pytest, hub run")

"""How a command is declared: its examples, `--debug`, errors as one line and a hint, async functions run to their end.

Invariant: a command ends with exit code 0 (done), 1 (it could not be done), 2 (the command line or the configuration
cannot be used), or 128 + a signal's number; a traceback is shown only when asked for.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import traceback
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="The configuration. Left out: HUB_CONFIG, else config/configuration.json."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
_DEBUG = inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=_Debug)

Function = Callable[..., Coroutine[Any, Any, None] | None]


def group(help: str, **options: Any) -> typer.Typer:
    """A group of commands; `options` as for typer.Typer."""
    return typer.Typer(
        help=help,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        **options,
    )


def command(
    app: typer.Typer, name: str | None = None, *, examples: Sequence[str] = (), **options: Any
) -> Callable[[Function], Function]:
    """Declare a function, sync or async, as a command of `app`; its docstring and `examples` are its help.

    `options` as for Typer.command.
    """

    def declare(function: Function) -> Function:
        @functools.wraps(function)
        def run(*args: Any, debug: bool = False, **values: Any) -> None:
            with reporting(debug=debug):
                work = function(*args, **values)
                if work is not None:
                    asyncio.run(work)

        signature = inspect.signature(function, eval_str=True)
        parameters = [*signature.parameters.values(), _DEBUG]
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # typer reads it
        app.command(name, help=_help(function, examples), **options)(run)
        return function

    return declare


@contextmanager
def reporting(*, debug: bool) -> Iterator[None]:
    """Whatever goes wrong inside is told in a line and a hint, and ends the command."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
        raise  # typer ends the command for each of these as a shell expects
    except Exception as error:
        # Imported here: most commands go well, and it knows the errors of every layer.
        from hub.cli.problem import explain, show_problem

        if debug:
            traceback.print_exception(error)
        problem = explain(error)
        show_problem(problem)
        raise typer.Exit(problem.code) from error


def _help(function: Function, examples: Sequence[str]) -> str:
    text = inspect.getdoc(function) or ""
    if examples:
        text += "\n\n\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)
    return text.replace("[", "\\[")  # typer reads it as markup of rich

"""`hub enqueue`: jobs from the command line, a file or a pipe."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.cli import values
from hub.cli.command import AsJson, ConfigFile

EXAMPLES = (
    """hub enqueue order.processing '{"id": 7, "total": 12.5}'""",
    "hub enqueue order.processing --file order.json --queue critical --priority 9",
    "hub enqueue reports.daily.sales --at 2026-01-31T08:00:00Z",
    """hub enqueue --template nightly-report '{"region": "north"}'""",
    "hub enqueue order.processing --lines --file orders.jsonl",
    "psql -Atc 'SELECT row_to_json(o) FROM orders o' | hub enqueue order.processing --lines -",
)


async def enqueue(
    handler: Annotated[
        str | None, typer.Argument(metavar="HANDLER", help="The handler's name; not with --template.")
    ] = None,
    payload: Annotated[
        str | None, typer.Argument(metavar="PAYLOAD", help="JSON; - reads standard input. Left out: none.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="Read the payload from a file.")] = None,
    lines: Annotated[bool, typer.Option("--lines", help="Each line of the input is a payload.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="With --lines: end at the first line that is wrong.")
    ] = False,
    text: Annotated[bool, typer.Option("--text", help="The payload is plain text, JSON or not.")] = False,
    queue: Annotated[str | None, typer.Option(metavar="NAME", help="Left out: the handler's own.")] = None,
    priority: Annotated[
        int | None,
        typer.Option(
            parser=values.whole(-values.INT_MOST, values.INT_MOST),
            metavar="N",
            help="Higher runs first; 0 unless said.",
        ),
    ] = None,
    at: Annotated[
        datetime | None, typer.Option(parser=values.instant, metavar="TIME", help="Not before, like 2026-01-31T08:00Z.")
    ] = None,
    delay: Annotated[
        float | None, typer.Option(parser=values.duration, metavar="SPAN", help="Not before so long, like 30s, 2h.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Jobs of one key run strictly one after another.")
    ] = None,
    dedupe: Annotated[
        str | None, typer.Option(metavar="KEY", help="While a job with it is known, no second one is made.")
    ] = None,
    unique: Annotated[
        str | None, typer.Option(metavar="KEY", help="While a job of the handler with it lives, no second one is made.")
    ] = None,
    max_retries: Annotated[
        int | None,
        typer.Option(
            parser=values.whole(0, values.INT_MOST),
            metavar="N",
            help="After the first attempt. Left out: the handler's.",
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(parser=values.positive_duration, metavar="SPAN", help="Of one attempt. Left out: the handler's."),
    ] = None,
    metadata: Annotated[
        dict[str, Any] | None,
        typer.Option(parser=values.json_object, metavar="JSON", help="An object, kept beside the payload."),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="By a template of the configuration; PAYLOAD is merged over its payload."),
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Enqueue a job, or one for each line of a file; prints its id once it is durable.

    With --lines the rows go in batches of 1,000; a line that is no JSON is told with its number and left out.
    A handler nobody knows is told too, but taken: another instance may have it.
    """
    from hub.cli.intake import Maker, Source, Template, enqueue_one
    from hub.cli.lines import enqueue_lines
    from hub.cli.template import Prepared

    if at is not None and delay is not None:
        raise typer.BadParameter("exclude each other", param_hint="--at and --delay")
    if lines and (dedupe is not None or unique is not None):
        raise typer.BadParameter("one key for all lines would make one job", param_hint="--dedupe, --unique")
    if template is not None:
        if payload is not None:
            raise typer.BadParameter("a template knows its handler: give the payload alone", param_hint="HANDLER")
        handler, payload = None, handler
    elif handler is None:
        raise typer.BadParameter("name a handler, or a template by --template", param_hint="HANDLER")
    source = Source.chosen(payload, file, lines=lines)
    options = {
        "queue": queue,
        "priority": priority,
        "at": at,
        "delay": delay,
        "key": key,
        "dedupe": dedupe,
        "unique": unique,
        "max_retries": max_retries,
        "timeout": timeout,
    }
    given = {name: value for name, value in options.items() if value is not None}
    maker: Maker
    if template is not None:
        maker = Prepared(config, template, given, metadata, text)
    else:
        maker = Template(handler or "", given, metadata, text)
    if lines:
        await enqueue_lines(config, maker, source, strict=strict, as_json=as_json)
    else:
        await enqueue_one(config, maker, source, as_json=as_json)

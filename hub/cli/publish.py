"""`hub publish`: messages to the outside from the command line, a file or a pipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hub.cli import values
from hub.cli.command import AsJson, ConfigFile

EXAMPLES = (
    """hub publish erp orders.accepted '{"id": 7}' --key 7""",
    "hub publish plant machines/press-7/set --file program.json --header kind=program",
    "hub publish erp orders.accepted --lines --file orders.jsonl",
)


async def publish(
    adapter: Annotated[str, typer.Argument(metavar="ADAPTER", help="The adapter or destination, by its name.")],
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="Topic, queue or target, as its broker names it.")],
    payload: Annotated[
        str | None, typer.Argument(metavar="PAYLOAD", help="JSON; - reads standard input. Left out: none.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="Read the payload from a file.")] = None,
    lines: Annotated[bool, typer.Option("--lines", help="Each line of the input is a message.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="With --lines: end at the first line that is wrong.")
    ] = False,
    text: Annotated[bool, typer.Option("--text", help="The payload is plain text, JSON or not.")] = False,
    key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Goes with the message; messages of one key leave in order.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", metavar="NAME=VALUE", help="May be given several times.")
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Send a message, or one for each line of a file; prints its id once it is durable.

    A running hub sends it, with that id in the header hub-message-id, and again until the receiver has said that it has
    it: `hub jobs show ID` tells what became of it.
    """
    from hub.cli.intake import Source, enqueue_one
    from hub.cli.lines import enqueue_lines
    from hub.cli.publication import Publication
    from hub.cli.session import configured
    from hub.config.outlets import protocol_of

    headers = dict(values.named(each) for each in header or ())
    template = Publication(adapter, protocol_of(configured(config), adapter), topic, key, headers, text)
    source = Source.chosen(payload, file, lines=lines)
    if lines:
        await enqueue_lines(config, template, source, strict=strict, as_json=as_json)
    else:
        await enqueue_one(config, template, source, as_json=as_json)

"""`hub dead`: what failed for good, a second chance for it, or its end."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from hub.cli import values
from hub.cli.command import AsJson, ConfigFile, command, group
from hub.cli.jobs import Cursor, Handler, Limit, Queue

app = group("Dead letters: jobs that failed for good, and messages that were quarantined.")


Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Of these; or name a filter, or --all.")]
Failure = Annotated[
    str | None,
    typer.Option(
        "--failure",
        parser=values.failure,
        metavar="REASON",
        help="Only of this reason: transient, exhausted, permanent, poison, quarantined or unknown-handler.",
    ),
]
Since = Annotated[
    datetime | None,
    typer.Option("--since", parser=values.past, metavar="WHEN", help="Failed after that: 30m, 2h, 7d, or a time."),
]
Before = Annotated[
    datetime | None,
    typer.Option("--before", parser=values.past, metavar="WHEN", help="Failed before that: 30m, 2h, 7d, or a time."),
]
All = Annotated[bool, typer.Option("--all", help="All of them.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@command(app, "list", examples=["hub dead list", "hub dead list --failure exhausted --since 1d --json"])
async def list_dead(
    handler: Handler = None,
    queue: Queue = None,
    failure: Failure = None,
    since: Since = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters, the newest first."""
    from hub.cli.dead_letters import show_page
    from hub.cli.session import opened
    from hub.cli.show import print_json
    from hub.errors import Rejected
    from hub.queue.records import DeadFilter

    where = DeadFilter(handler=handler, queue=queue, failure=failure, since=since)
    async with opened(config) as session:
        try:
            page, following = await session.records.dead(where, cursor=cursor, limit=limit)
        except Rejected as error:
            raise (values.no_cursor(cursor) if cursor and error.field == "cursor" else error) from None
    if as_json:
        print_json({"data": page, "next": following})
    else:
        show_page(page, following)


@command(
    app,
    "redrive",
    examples=[
        "hub dead redrive 01a202e8-821f-7756-8127-b1d942fc5f64",
        "hub dead redrive --handler order.processing --failure exhausted --since 1h",
        "hub dead redrive --all --yes",
    ],
)
async def redrive(
    ids: Ids = None,
    handler: Handler = None,
    queue: Queue = None,
    failure: Failure = None,
    since: Since = None,
    before: Before = None,
    everything: All = False,
    yes: Yes = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Queue dead letters again, as if they were new: all their retries, their first priority."""
    from hub.cli.dead_letters import Choice, redrive_chosen

    choice = Choice.made(ids, handler, queue, failure, since, before, everything=everything)
    await redrive_chosen(config, choice, ask=not yes, as_json=as_json)


@command(
    app,
    "purge",
    examples=["hub dead purge 01a202e8-821f-7756-8127-b1d942fc5f64", "hub dead purge --before 30d --yes"],
)
async def purge(
    ids: Ids = None,
    handler: Handler = None,
    queue: Queue = None,
    failure: Failure = None,
    since: Since = None,
    before: Before = None,
    everything: All = False,
    yes: Yes = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Delete dead letters and their attempts, for ever.

    Of one whose dedupe key must still be known the key stays, so that a repeated message makes no new job.
    """
    from hub.cli.dead_letters import Choice, purge_chosen

    choice = Choice.made(ids, handler, queue, failure, since, before, everything=everything)
    await purge_chosen(config, choice, ask=not yes, as_json=as_json)

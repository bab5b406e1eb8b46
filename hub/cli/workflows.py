"""`hub workflows`: what runs, how far it is, and a hand on it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from hub.cli import values
from hub.cli.command import AsJson, ConfigFile, command, group
from hub.cli.jobs import Cursor, Limit

app = group("Workflows: list, look at, start, cancel, resume, signal.")

Id = Annotated[str, typer.Argument(metavar="ID", help="Of the workflow.")]


@command(
    app,
    "list",
    examples=[
        "hub workflows list",
        "hub workflows list --status failed --type user_signup",
        "hub workflows list --json | jq -r '.data[].workflow_id'",
    ],
)
async def list_workflows(
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            parser=values.workflow_status,
            metavar="STATUS",
            help="pending, running, completed, failed or cancelled.",
        ),
    ] = None,
    type: Annotated[str | None, typer.Option("--type", metavar="NAME", help="Only of this type.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since", parser=values.past, metavar="WHEN", help="Not older than that: 30m, 2h, 7d, or a time."
        ),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List workflows, the newest first."""
    from hub.cli import workflow_view
    from hub.cli.session import opened
    from hub.cli.show import print_json
    from hub.errors import NotFound

    async with opened(config) as session:
        workflows = workflow_view.workflows_of(session)
        if cursor is not None and not values.made_by_hub(cursor):
            try:
                await workflows.summary(cursor)
            except NotFound:
                raise values.no_cursor(cursor) from None
        page, following = await workflows.page(status=status, type=type, since=since, cursor=cursor, limit=limit)
    if as_json:
        print_json({"data": page, "next": following})
    else:
        workflow_view.show_page(page, following)


@command(app, "show", examples=["hub workflows show 01a202e8-821f-7756-8127-b1d942fc5f64"])
async def show(workflow_id: Id, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show one workflow: its steps as a tree with their states, its context."""
    from hub.cli import workflow_view
    from hub.cli.session import opened
    from hub.cli.show import print_json

    async with opened(config) as session:
        found = await workflow_view.workflows_of(session).summary(workflow_id)
    if as_json:
        print_json(found)
    else:
        workflow_view.show_workflow(found)


@command(
    app,
    "start",
    examples=["hub workflows start user_signup", """hub workflows start user_signup '{"email": "ada@example.com"}'"""],
)
async def start(
    type: Annotated[str, typer.Argument(metavar="TYPE", help="The workflow's name.")],
    context: Annotated[
        values.JsonObject | None,
        typer.Argument(parser=values.json_object, metavar="CONTEXT", help="A JSON object. Left out: {}."),
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Start a workflow; prints its id once it is durable."""
    from hub.cli import workflow_view
    from hub.cli.session import actor, opened
    from hub.cli.show import print_json

    async with opened(config) as session:
        workflows = workflow_view.workflows_of(session, collect=True)
        workflow_id = await workflows.start(type, context or {}, actor=actor())
    if as_json:
        print_json({"workflow_id": workflow_id})
    else:
        print(workflow_id)


@command(app, "cancel", examples=["hub workflows cancel 01a202e8-821f-7756-8127-b1d942fc5f64"])
async def cancel(workflow_id: Id, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """End a workflow: what waits is cancelled, what runs is asked to stop, on whatever instance it does."""
    from hub.cli import workflow_view
    from hub.cli.session import actor, opened
    from hub.cli.show import print_json, say

    async with opened(config) as session:
        await workflow_view.workflows_of(session).cancel(workflow_id, actor=actor())
    if as_json:
        print_json({"workflow_id": workflow_id, "status": "cancelled"})
    else:
        say("cancelled")


@command(
    app,
    "resume",
    examples=[
        "hub workflows resume 01a202e8-821f-7756-8127-b1d942fc5f64",
        "hub workflows list --status failed --json | jq -r '.data[].workflow_id' | xargs -n 1 hub workflows resume",
    ],
)
async def resume(workflow_id: Id, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Go on from the steps that failed or were cancelled."""
    from hub.cli import workflow_view
    from hub.cli.session import actor, opened
    from hub.cli.show import print_json, say

    async with opened(config) as session:
        steps = await workflow_view.workflows_of(session).resume(workflow_id, actor=actor())
    if as_json:
        print_json({"workflow_id": workflow_id, "steps": steps})
    else:
        say("goes on from", ", ".join(steps))


@command(
    app,
    "signal",
    examples=["""hub workflows signal 01a202e8-821f-7756-8127-b1d942fc5f64 approved '{"by": "Ada"}'"""],
)
async def signal(
    workflow_id: Id,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The signal that a step waits for.")],
    payload: Annotated[
        values.JsonObject | None,
        typer.Argument(parser=values.json_object, metavar="PAYLOAD", help="A JSON object, for the context."),
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Send a signal; one that comes before its step has begun is kept for it."""
    from hub.cli import workflow_view
    from hub.cli.session import opened
    from hub.cli.show import print_json, say

    async with opened(config) as session:
        steps = await workflow_view.workflows_of(session).signal(workflow_id, name, payload)
    if as_json:
        print_json({"workflow_id": workflow_id, "steps": steps})
    else:
        say("goes on:" if steps else "kept for its step", ", ".join(steps))

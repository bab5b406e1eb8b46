"""`hub jobs`: what is in the queue, singly and in lists; a second chance, an end before its time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from hub.cli import values
from hub.cli.command import AsJson, ConfigFile, command, group

app = group("Jobs: list, look at, retry, cancel, watch.")

Ids = Annotated[list[str], typer.Argument(metavar="ID", help="Of one or more jobs.")]
Status = Annotated[
    int | None,
    typer.Option(
        "--status",
        parser=values.status,
        metavar="STATUS",
        help="pending, queued, processing, completed, failed, retrying, cancelled or scheduled.",
    ),
]
Handler = Annotated[str | None, typer.Option("--handler", metavar="NAME", help="Only of this handler.")]
Queue = Annotated[str | None, typer.Option("--queue", metavar="NAME", help="Only of this queue.")]
Since = Annotated[
    datetime | None,
    typer.Option("--since", parser=values.past, metavar="WHEN", help="Not older than that: 30m, 2h, 7d, or a time."),
]
Limit = Annotated[
    int, typer.Option("--limit", parser=values.whole(1, 200), metavar="N", help="So many at most: 1 to 200.")
]
Cursor = Annotated[str | None, typer.Option("--cursor", metavar="CURSOR", help="Go on where the last page ended.")]


@command(
    app,
    "list",
    examples=[
        "hub jobs list",
        "hub jobs list --status failed --since 1h",
        "hub jobs list --handler order.processing --json | jq -r '.data[].id'",
    ],
)
async def list_jobs(
    status: Status = None,
    handler: Handler = None,
    queue: Queue = None,
    since: Since = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, the newest first."""
    from hub.cli import job_view
    from hub.cli.session import opened
    from hub.cli.show import print_json
    from hub.model import Status as Word

    async with opened(config) as session:
        if cursor is not None and not values.made_by_hub(cursor) and await session.records.job(cursor) is None:
            raise values.no_cursor(cursor)
        page, following = await session.records.jobs(
            status=None if status is None else Word(status),
            handler=handler,
            queue=queue,
            since=since,
            cursor=cursor,
            limit=limit,
        )
    if as_json:
        print_json({"data": page, "next": following})
    else:
        job_view.show_page(page, following, empty="no such jobs")


@command(app, "show", examples=["hub jobs show 01a202e8-821f-7756-8127-b1d942fc5f64"])
async def show(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="Of the job.")],
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show one job: its payload, its result, every attempt."""
    from hub.cli import job_view
    from hub.cli.session import opened
    from hub.cli.show import print_json
    from hub.errors import NotFound

    async with opened(config) as session:
        job = await session.records.job(job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id!r}")
        attempts = await session.records.history_of(job_id)
    if as_json:
        print_json({**job, "histories": attempts})
    else:
        job_view.show_job(job, attempts)


@command(
    app,
    "retry",
    examples=[
        "hub jobs retry 01a202e8-821f-7756-8127-b1d942fc5f64",
        "hub jobs list --status cancelled --json | jq -r '.data[].id' | xargs hub jobs retry",
    ],
)
async def retry(ids: Ids, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Queue failed or cancelled jobs again, as if they were new."""
    from hub.cli.session import actor, opened
    from hub.model import Status as Word
    from hub.queue.records import unretried

    outcomes: dict[str, str] = {}
    async with opened(config) as session:
        for job_id in ids:
            if await session.records.retry(job_id, actor=actor()):
                outcomes[job_id] = Word.QUEUED.word
                continue
            job = await session.records.job(job_id)
            outcomes[job_id] = "not found" if job is None else f"is {job['status']}: {unretried(job)}"
    _tell(outcomes, {Word.QUEUED.word}, as_json=as_json)


@command(app, "cancel", examples=["hub jobs cancel 01a202e8-821f-7756-8127-b1d942fc5f64 --reason 'sent twice'"])
async def cancel(
    ids: Ids,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Kept with the job.")] = "cancelled by hub jobs cancel",
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Cancel jobs: at once if they wait; those that run are asked to stop, on whatever instance they do."""
    from hub.cli.session import actor, opened
    from hub.model import Status as Word

    done = {Word.CANCELLED: "cancelled", Word.PROCESSING: "asked to stop"}
    outcomes: dict[str, str] = {}
    async with opened(config) as session:
        for job_id in ids:
            status = await session.store.cancel(job_id, reason=reason, actor=actor())
            if status is not None:
                outcomes[job_id] = done.get(status, status.word)
                continue
            job = await session.records.job(job_id)
            outcomes[job_id] = "not found" if job is None else f"is {job['status']} already"
    _tell(outcomes, set(done.values()), as_json=as_json)


@command(app, "tail", examples=["hub jobs tail", "hub jobs tail --status failed", "hub jobs tail --json | jq .jobid"])
async def tail(
    status: Status = None,
    handler: Handler = None,
    queue: Queue = None,
    lines: Annotated[
        int,
        typer.Option(
            "--lines", "-n", parser=values.whole(0, 1_000_000), metavar="N", help="First, so many that ended."
        ),
    ] = 10,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Follow attempts as they end, until Ctrl-C; with --json, one object a line."""
    from hub.cli.session import opened
    from hub.cli.tail import follow

    async with opened(config) as session:
        only: dict[str, Any] = {"status": status, "handler": handler, "queue": queue}
        await follow(session.database, only, lines=lines, as_json=as_json)


def _tell(outcomes: dict[str, str], good: set[str], *, as_json: bool) -> None:
    """What became of each; exit code 1 unless all went well."""
    from hub.cli.show import output, print_json, table

    if as_json:
        print_json({"data": [{"id": job_id, "outcome": outcome} for job_id, outcome in outcomes.items()]})
    else:
        output().print(table(["ID", "OUTCOME"], outcomes.items()))
    if not good.issuperset(outcomes.values()):
        raise typer.Exit(1)

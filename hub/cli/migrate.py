"""`hub migrate`: the database's schema."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.command import AsJson, ConfigFile

if TYPE_CHECKING:
    from hub.db.migrator import MigrationState

EXAMPLES = ("hub migrate", "hub migrate --status", "hub migrate --sql | psql hub")


async def migrate(
    status: Annotated[bool, typer.Option("--status", help="Only tell what was applied and what is missing.")] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="Only print the SQL of what is missing, for psql or sqlite3.")
    ] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Bring the database's schema up to this version of the hub.

    Safe to run at any time and by several at once: one works, the others wait. `hub run` does the same when it starts,
    unless database.migrate is "check".
    """
    from hub.cli.session import configured
    from hub.cli.show import print_json
    from hub.db import migrator
    from hub.db.url import parse

    if status and sql:
        raise typer.BadParameter("exclude each other", param_hint="--status and --sql")
    url = configured(config).database.url.get_secret_value()
    if sql:
        applied = [each.version for each in await migrator.status(url) if each.applied_at is not None]
        sys.stdout.write(migrator.pending_sql(parse(url).dialect, after=max(applied, default=0)))
        return
    states = await (migrator.status(url) if status else migrator.migrate(url))
    if as_json:
        print_json({"data": [_plain(state) for state in states]})
    else:
        _show(states, parse(url).masked, status=status)


def _plain(state: MigrationState) -> dict[str, object]:
    return {
        "version": state.version,
        "name": state.name,
        "applied_at": state.applied_at,
        "checksum_ok": state.checksum_ok,
    }


def _show(states: list[MigrationState], database: str, *, status: bool) -> None:
    from hub.cli.show import age, output, say, table

    if states:
        rows = [[f"{each.version:04d}", each.name, _when(age(each.applied_at)), _note(each)] for each in states]
        output().print(table(["VERSION", "NAME", "APPLIED", ""], rows))
    if not status:
        applied = f"{len(states)} applied" if states else "nothing to do"
        say(f"{applied}:", f"{database} is up to date")


def _when(ago: str) -> str:
    return f"{ago} ago" if ago else "missing"


def _note(state: MigrationState) -> str:
    return "the file was changed since" if state.checksum_ok is False else ""

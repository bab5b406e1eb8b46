"""`hub token`: who may call the hub's port."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli import values
from hub.cli.command import AsJson, ConfigFile, command, group

app = group(
    "Tokens of callers, kept in the database.\n\nThose of the configuration (auth.tokens) are not listed here, and can "
    "be changed only there."
)


@command(
    app,
    "create",
    examples=["hub token create ci --role operator", "TOKEN=$(hub token create grafana --role viewer)"],
)
async def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is; shown in the log.")],
    role: Annotated[
        str,
        typer.Option(
            parser=values.role,
            metavar="ROLE",
            help="viewer sees (without payloads), operator also changes jobs, admin everything.",
        ),
    ],
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a token and print it, this once: only its SHA-256 is kept.

    It is sent as "Authorization: Bearer TOKEN".
    """
    from hub.cli.session import opened
    from hub.cli.show import print_json, say
    from hub.db.tokens import TokenStore

    async with opened(config) as session:
        token = await TokenStore(session.database).create(name, role)
    if as_json:
        print_json({"name": name, "role": role, "token": token})
        return
    print(token)
    say("[dim]keep it now: it cannot be shown again[/]")
    if not session.configuration.auth.enforced:
        say('calls need no token yet: set "required": true under "auth" in the configuration')


@command(app, "list", examples=["hub token list", "hub token list --json"])
async def list_tokens(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """List the tokens, revoked ones too."""
    from hub.cli.session import opened
    from hub.cli.show import age, output, print_json, table
    from hub.db.tokens import TokenStore

    async with opened(config) as session:
        tokens = await TokenStore(session.database).list()
    if as_json:
        print_json({"data": tokens})
        return
    rows = [[token.name, token.role, age(token.createdon), age(token.revokedon)] for token in tokens]
    output().print(table(["NAME", "ROLE", "AGE", "REVOKED"], rows) if rows else "no tokens: hub token create makes one")


@command(app, "revoke", examples=["hub token revoke ci"])
async def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose token it is.")],
    config: ConfigFile = None,
) -> None:
    """Revoke a token: it opens nothing any more, once running hubs have forgotten it some seconds later."""
    from hub.cli.session import opened
    from hub.cli.show import say
    from hub.db.tokens import TokenStore

    async with opened(config) as session:
        await TokenStore(session.database).revoke(name)
    say("revoked")

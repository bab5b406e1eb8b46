"""`hub asyncapi`: the description of the routes' messages."""

from __future__ import annotations

from hub.cli.command import ConfigFile

EXAMPLES = ("hub asyncapi > asyncapi.json",)


def asyncapi(config: ConfigFile = None) -> None:
    """Print the AsyncAPI 3.0 document of the routes: what they receive, and where they send it on.

    It is what a running hub serves at /asyncapi.json; nothing is connected to for it.
    """
    from hub.api.asyncapi import asyncapi as describe
    from hub.cli.described import write
    from hub.cli.session import configured

    write(describe(configured(config)))

"""`hub openapi`: the description of the HTTP API."""

from __future__ import annotations

from hub.cli.command import ConfigFile

EXAMPLES = ("hub openapi > openapi.json",)


def openapi(config: ConfigFile = None) -> None:
    """Print the OpenAPI 3.1 document of the HTTP API, with the webhooks of the configuration.

    It is what a running hub serves at /openapi.json; nothing is started for it.
    """
    from hub.cli.described import document, write

    write(document(config))

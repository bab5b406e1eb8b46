"""`hub status`: how the hub is, at a glance."""

from __future__ import annotations

from hub.cli.command import AsJson, ConfigFile

EXAMPLES = ("hub status", "hub status --json | jq .queues", "watch -n 2 hub status")


async def status(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show queues, handlers and dead letters, and the health of the hub that this configuration runs.

    The numbers come from the database, so that they are there whether a hub runs or not; its health is asked at
    http.host and http.port, with the token in HUB_TOKEN where one is needed.
    """
    from hub.cli.overview import look, show_overview
    from hub.cli.show import print_json

    overview = await look(config)
    if as_json:
        print_json(overview)
    else:
        show_overview(overview)

"""What a hub says of itself when it starts: a block of lines for people, one event for programs.

Invariant: no secret is shown.
"""

from __future__ import annotations

import platform
from collections.abc import Collection
from typing import Any

from hub.app import ROLES, Hub
from hub.cli.show import errors, pairs
from hub.config import Configuration, without_file
from hub.db.url import parse
from hub.telemetry import get_logger
from hub.version import version

_log = get_logger("hub")


def announce(hub: Hub, queues: Collection[str] | None = None) -> None:
    """Tell what starts, in the log's format."""
    entries = describe(hub, queues)
    if hub.configuration.log.format == "json":
        _log.info("starting", version=version(), **entries)
        return
    console = errors()
    console.print(f"[bold]hub {version()}[/]")
    console.print(pairs((f"  {name}", str(value)) for name, value in entries.items()))


def describe(hub: Hub, queues: Collection[str] | None) -> dict[str, Any]:
    """Name → value, in the order in which they are shown."""
    configuration = hub.configuration
    serving = hub.engine.working
    return {
        "configuration": str(configuration.file or without_file()),
        "database": parse(configuration.database.url.get_secret_value()).masked,
        "roles": ", ".join(role for role in ROLES if role in hub.roles),
        "processes": str(configuration.jobs.processes) if serving and configuration.jobs.processes > 1 else "",
        "workers": _workers(configuration) if serving else _why_idle(hub),
        "queues": _queues(configuration, queues) if serving else "",
        "handlers": str(len(hub.registry)),
        "instance": hub.instance,
        "python": f"{platform.python_version()}, {_loop()}",
    }


def _workers(configuration: Configuration) -> str:
    return str(configuration.jobs.resolved_workers)


def _why_idle(hub: Hub) -> str:
    return "none: jobs.enabled is false" if "worker" in hub.roles else "none: not among the roles"


def _queues(configuration: Configuration, only: Collection[str] | None) -> str:
    limits = {name: queue.limit for name, queue in configuration.jobs.queues.items()}
    shown = [f"{name} {limit}" for name, limit in limits.items() if only is None or name in only]
    return ", ".join(shown) or ", ".join(only or ["any"])


def _loop() -> str:
    import asyncio

    return type(asyncio.get_running_loop()).__module__.partition(".")[0]

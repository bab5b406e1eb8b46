"""A hub put together to be described: nothing is started, nothing is connected to."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hub.api.application import endpoints
from hub.api.openapi import openapi
from hub.app import Hub
from hub.cli.session import configured
from hub.surface import open_intake, open_services


def document(file: Path | None) -> dict[str, Any]:
    """The OpenAPI document of the hub that a configuration describes. Raises ConfigurationError."""
    hub = Hub(configured(file))
    return openapi(endpoints(open_services(hub, open_intake(hub))), hub.configuration)


def write(value: dict[str, Any]) -> None:
    """A document on standard output, for people and programs alike."""
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")

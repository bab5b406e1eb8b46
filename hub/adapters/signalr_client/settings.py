"""What the adapter is told, checked before anything is dialled.

Invariant: a wrong setting is Rejected and names its field; durations are in seconds, sizes in bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from hub.adapters.entry import read
from hub.adapters.tls import Tls
from hub.telemetry import get_logger

_log = get_logger("hub.adapters.signalr_client")


class Greeting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is invoked after each connect, so that the server sends what is wanted: to join a group, say."""

    target: str
    arguments: tuple[Any, ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of `adapters` in configuration.json."""

    url: str
    token: str | None = None
    protocol: Literal["json", "messagepack"] = "json"
    greetings: tuple[Greeting, ...] = ()
    negotiate: bool = True
    exclusive: bool = True
    timeout: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    keepalive: Annotated[float, msgspec.Meta(gt=0)] = 15.0
    server_timeout: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    max_message: Annotated[int, msgspec.Meta(gt=0)] = 1024 * 1024
    inbox: Annotated[int, msgspec.Meta(gt=0)] = 1000
    tls: Tls | None = None


def settings_of(name: str, entry: Mapping[str, Any]) -> Settings:
    """Raises Rejected, naming the field."""
    settings = read(entry, Settings)
    if settings.tls is not None:
        settings.tls.context()
        if settings.tls.insecure:
            _log.warning("the server's certificate is not verified", adapter=name)
    return settings

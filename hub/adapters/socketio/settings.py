"""The settings of the adapter, as its entry in configuration.json has them.

Invariant: a wrong setting is Rejected and names its field; durations are in seconds, sizes in bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from hub.adapters.entry import read
from hub.errors import Rejected


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the configuration's section SocketIo has."""

    path: str = "/socket.io"
    namespaces: tuple[str, ...] = ("/",)
    groups: tuple[str, ...] = ()
    max_message: int = 64 * 1024
    """Bytes of a message with its attachments."""
    max_attachments: int = 16
    max_connections: int = 10_000
    send_buffer: int = 1024 * 1024
    """Bytes that may wait for a client that reads slowly."""
    rate: int = 500
    """Packets a second; a client that says more is read more slowly."""
    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    handshake_timeout: float = 15.0
    result_timeout: float = 30.0


def settings_of(entry: Mapping[str, Any]) -> Settings:
    """Raises Rejected, naming the field."""
    settings = read(entry, Settings)
    if not settings.namespaces:
        raise Rejected("at least one namespace must be served", field="namespaces")
    for namespace in settings.namespaces:
        if not namespace.startswith("/") or "," in namespace or "?" in namespace:
            raise Rejected(f"{namespace!r}: a namespace begins with / and has no comma or ?", field="namespaces")
    return settings

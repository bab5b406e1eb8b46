"""The settings of the adapter, as its entry in configuration.json has them.

Invariant: a wrong setting is Rejected and names its field; durations are in seconds, sizes in bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from hub.adapters.entry import read


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the configuration's section SignalR has; the defaults are the reference server's where it has them."""

    path: str = "/signalr"
    groups: tuple[str, ...] = ()
    max_message: int = 32 * 1024
    max_upload: int = 1024 * 1024
    """Bytes of an upload stream's items together, and of a POST with many messages."""
    max_connections: int = 10_000
    send_buffer: int = 1024 * 1024
    """Bytes that may wait for a client that reads slowly."""
    keepalive: float = 15.0
    client_timeout: float = 30.0
    handshake_timeout: float = 15.0
    poll_timeout: float = 90.0
    result_timeout: float = 30.0
    stateful_reconnect: bool = True
    stateful_buffer: int = 100_000
    """Bytes kept for a client that is away."""
    reconnect_window: float = 15.0
    """How long a client may be away."""

    @property
    def tick(self) -> float:
        """How often connections are looked at."""
        least = min(self.keepalive, self.client_timeout, self.handshake_timeout, self.reconnect_window)
        return max(0.01, min(1.0, least / 4))


def settings_of(entry: Mapping[str, Any]) -> Settings:
    """Raises Rejected, naming the field."""
    return read(entry, Settings)

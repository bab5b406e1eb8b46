"""The paths of the hub's port at which clients' sockets arrive.

Invariant: a path leads to one adapter: of two at the same, the second would say that it is connected and hear nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hub.config.entry import Entry
from hub.config.faults import Fault, quoted
from hub.config.sections.adapters import SignalR, SocketIo

_DEFAULTS: Final = {
    "signalr": SignalR.model_fields["path"].default,
    "socketio": SocketIo.model_fields["path"].default,
}


def shared_paths(root: Entry) -> Iterator[Fault]:
    """Every enabled adapter whose path another has before it."""
    first: dict[str, str | int] = {}
    for adapter in root.items("adapters"):
        kind = adapter.text("type")
        if kind not in _DEFAULTS or adapter.value.get("enabled") is False:
            continue
        path = (adapter.text("path") or _DEFAULTS[kind]).rstrip("/")
        name = adapter.path[-1]
        if (other := first.setdefault(path, name)) != name:
            yield adapter.fault("path", f"{quoted(path or '/')} is the path of {other} too", "give each its own")

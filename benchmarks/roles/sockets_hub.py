"""A whole hub with a SignalR server: holds connections, and calls a method at all of them when told.

Invariant: nothing but the connections is added between the two looks at memory. It ends at "stop".
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from benchmarks.machine import resident
from benchmarks.roles.wire import Wire
from hub import Hub
from hub.adapters.signalr import SignalRAdapter
from hub.adapters.socketio import SocketIoAdapter
from hub.cli.collector import settle
from hub.config import build
from hub.model import Outgoing


async def run(wire: Wire, *, connections: int, keepalive: float, body: str) -> None:
    """Words: "memory" answers megabytes and open connections, "broadcast" the time it took to hand over."""
    settings = {"type": "signalr", "keepalive": keepalive, "client_timeout": 2 * keepalive}
    await hold(wire, settings, connections, body)


async def hold(wire: Wire, adapter: Mapping[str, Any], connections: int, body: str) -> None:
    """What every kind of sockets has in common; `adapter` is the entry of the configuration."""
    room = connections + 100
    settings: dict[str, Any] = {
        "jobs": {"enabled": True, "workers": 2},
        "http": {"port": 0, "max_connections": room},
        "adapters": {"live": {**adapter, "max_connections": room}},
    }
    message = Outgoing(id="1", to="live", topic="tick", body=body.encode(), content_type="application/json")
    with TemporaryDirectory() as folder:
        async with Hub(build(settings, {"DATABASE_URL": f"sqlite:///{Path(folder) / 'hub.db'}"})) as hub:
            server = cast(SignalRAdapter | SocketIoAdapter, hub.adapters["live"])
            settle()
            await wire.ready()
            wire.tell({"port": int(hub.addresses[0].rpartition(":")[2])})
            while (word := await wire.heard()) != "stop":
                began = time.perf_counter()
                if word == "broadcast":
                    await server.send(message)
                wire.tell(
                    {"seconds": time.perf_counter() - began, "memory": resident(), "connections": server.connections}
                )

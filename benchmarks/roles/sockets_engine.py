"""A whole hub with a Socket.IO server: as `sockets_hub`, which has a SignalR server.

Invariant: as there.
"""

from __future__ import annotations

from benchmarks.roles.sockets_hub import hold
from benchmarks.roles.wire import Wire


async def run(wire: Wire, *, connections: int, keepalive: float, body: str) -> None:
    """Words: as `sockets_hub` has them. The server pings; a client that does not answer is dropped after as long."""
    settings = {"type": "socketio", "ping_interval": keepalive, "ping_timeout": keepalive}
    await hold(wire, settings, connections, body)

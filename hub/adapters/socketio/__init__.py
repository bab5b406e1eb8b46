"""Socket.IO: a server that socket.io-client and its kin connect to unchanged, by WebSocket and by polling.

Invariant: an emit of a routed event is acknowledged after its row was committed. The files in the order of a message:
`door`, `engine` (with `session`), `packets`, `server`, `events`; outbound `address`, `outbound`, `server`.
"""

from hub.adapters.socketio.adapter import SocketIoAdapter, make

__all__ = ["SocketIoAdapter", "make"]

"""SignalR from the other side: the hub as a client of an existing server, to and from.

Invariant: what the server calls at the hub is at most once before it is accepted: SignalR keeps nothing for who is
away. What was read and not yet durable is kept over reconnects; what the hub invokes is done when the server has
completed it. The protocol is that of `hub.adapters.signalr`; `session` is one connection.
"""

from hub.adapters.signalr_client.adapter import SignalRClientAdapter, make

__all__ = ["SignalRClientAdapter", "make"]

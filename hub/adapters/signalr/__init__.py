"""SignalR: a server that @microsoft/signalr and its kin connect to unchanged.

Invariant: an invocation of a routed target is answered after its row was committed. The files in the order of a
message: `endpoint`, `transports/`, `connection` (with `handshake`, `protocol/`, `resume`), `calls`, `methods`; outbound
`address`, `outbound`, `registry`, `connection`.
"""

from hub.adapters.signalr.adapter import SignalRAdapter, make

__all__ = ["SignalRAdapter", "make"]

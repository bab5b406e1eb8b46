"""Many connections on one process: the memory each takes, a call to all of them, pings kept.

Invariant: the same clients for every contestant; a broadcast ends when the last client has the whole message, and
nobody is lost over more than two spans of keeping alive. Clients and server share the machine, so that their time is
in the figure of every contestant alike.
"""

from __future__ import annotations

import statistics
import time

from benchmarks.figures import Benchmark, Goal, Line, Sample
from benchmarks.stand import Stand

_BROADCASTS = 9
_KEEPALIVE = 4.0
_HELD = 10.0
_BODY = '{"machine":"press-4","celsius":71.5,"mark":"~"}'
_KINDS = {"signalr": "SignalR", "socketio": "Socket.IO"}


def benchmark(stand: Stand) -> Benchmark:
    count = stand.sizes.sockets

    def measure(role: str, kind: str, *, pings: bool) -> Sample:
        with stand.child(role, connections=count, keepalive=_KEEPALIVE, body=_BODY) as server:
            server.go()
            port = server.answer()["port"]
            with stand.child("sockets_clients", port=port, connections=count, kind=kind) as clients:
                server.say("memory")
                before = server.answer()["memory"]
                began = time.monotonic()
                clients.go()
                clients.answer()
                connecting = time.monotonic() - began
                server.say("memory")
                held = server.answer()
                assert held["connections"] == count
                figures = {
                    "memory": (held["memory"] - before) * 1000 / count,
                    "connecting": count / connecting,
                }
                if pings:
                    clients.say(f"ping {_HELD:g}")
                    told = clients.answer()
                    assert told["lost"] == 0, f"{told['lost']} of {count} connections were lost"
                    # Each is due one every four seconds of silence, at most one look later.
                    figures["pings"] = told["pings"] / count
                taken = []
                for number in range(1, _BROADCASTS + 1):
                    clients.say(f"heard {number * count}")
                    began = time.monotonic()
                    server.say("broadcast")
                    server.answer()
                    taken.append((clients.answer()["at"] - began) * 1000)
                figures["broadcast"] = statistics.median(taken)
                server.say("memory")
                assert server.answer()["connections"] == count
                clients.say("stop")
                server.say("stop")
        return figures

    contestants = {
        "bare": lambda: measure("sockets_bare", "signalr", pings=False),
        "signalr": lambda: measure("sockets_hub", "signalr", pings=True),
        "socketio": lambda: measure("sockets_engine", "socketio", pings=True),
    }
    lines = [
        *_beside("memory a connection", "memory", "kB"),
        *_beside(f"one message to {count:,}", "broadcast", "ms"),
        *_beside("connections", "connecting", "/s"),
        *(
            Line(f"{name}, pings a connection in {_HELD:g} s, none lost", kind, "pings", "", [Goal(at_least=1.5)])
            for kind, name in _KINDS.items()
        ),
    ]
    return Benchmark("sockets", f"{count:,} connections on one process", contestants, lines)


def _beside(what: str, figure: str, unit: str) -> list[Line]:
    """A line for each contestant, those of the hub beside the floor."""
    floor = f"bare aiohttp, {what}"
    ours = [Line(f"{name}, {what}", kind, figure, unit, [Goal(of=floor)]) for kind, name in _KINDS.items()]
    return [Line(floor, "bare", figure, unit), *ours]

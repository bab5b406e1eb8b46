"""Many connections on one process: the memory each takes, a call to all of them, pings kept.

Invariant: the same clients for every contestant; a broadcast ends when the last client has the whole message. Clients
and server share the machine, so that their time is in the figure of both contestants alike.
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


def benchmark(stand: Stand) -> Benchmark:
    count = stand.sizes.sockets

    def measure(role: str, *, pings: bool) -> Sample:
        with stand.child(role, connections=count, keepalive=_KEEPALIVE, body=_BODY) as server:
            server.go()
            port = server.answer()["port"]
            with stand.child("sockets_clients", port=port, connections=count) as clients:
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
                    assert told["lost"] == 0
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

    def hub() -> Sample:
        return measure("sockets_hub", pings=True)

    def bare() -> Sample:
        return measure("sockets_bare", pings=False)

    lines = [
        Line("bare aiohttp, memory a connection", "bare", "memory", "kB"),
        Line("hub, memory a connection", "hub", "memory", "kB", [Goal(of="bare aiohttp, memory a connection")]),
        Line(f"bare aiohttp, one message to {count:,}", "bare", "broadcast", "ms"),
        Line(
            f"hub, one message to {count:,}",
            "hub",
            "broadcast",
            "ms",
            [Goal(of=f"bare aiohttp, one message to {count:,}")],
        ),
        Line("bare aiohttp, connections", "bare", "connecting", "/s"),
        Line("hub, connections with handshake", "hub", "connecting", "/s", [Goal(of="bare aiohttp, connections")]),
        Line(f"hub, pings a connection in {_HELD:g} s, none lost", "hub", "pings", "", [Goal(at_least=1.5)]),
    ]
    return Benchmark("sockets", f"{count:,} SignalR connections on one process", {"bare": bare, "hub": hub}, lines)

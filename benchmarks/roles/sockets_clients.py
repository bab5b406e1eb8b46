"""Many clients of a SignalR or Socket.IO server in one process, as thin as can be, so that the server is what is
measured.

Invariant: a client counts a message when its last bytes are there; MARK is in each of them once and in no ping.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from typing import cast

from benchmarks.roles.wire import Wire

MARK = b"~"


@dataclass(frozen=True)
class _Kind:
    """What a client of a kind says and hears. `answer` is what it says to a ping, None where it pings by itself."""

    path: bytes
    handshake: bytes
    welcome: bytes
    ping: bytes
    """In bytes as the server sends it, header of the frame included: it occurs in nothing else."""
    answer: bytes | None
    own: bytes | None
    """What keeps it alive when it says so itself."""


_KINDS = {
    "signalr": _Kind(
        path=b"/signalr",
        handshake=b'{"protocol":"json","version":1}\x1e',
        welcome=b"{}\x1e",
        ping=b'{"type":6}',
        answer=None,
        own=b'{"type":6}\x1e',
    ),
    "socketio": _Kind(
        path=b"/socket.io/?EIO=4&transport=websocket",
        handshake=b"40",
        welcome=b'40{"sid"',
        ping=b"\x81\x012",
        answer=b"3",
        own=None,
    ),
}
_BURST = 100
"""How many connect at once."""


class _Crowd:
    def __init__(self) -> None:
        self.shaken = 0
        self.marks = 0
        self.pings = 0
        self.lost = 0
        self.changed = asyncio.Event()

    async def until(self, name: str, count: int) -> None:
        while getattr(self, name) < count:
            self.changed.clear()
            await self.changed.wait()


class _Client(asyncio.Protocol):
    def __init__(self, crowd: _Crowd, kind: _Kind, port: int) -> None:
        self._crowd = crowd
        self._kind = kind
        self._port = port
        self._upgraded = self._shaken = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(
            b"GET %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            % (self._kind.path, self._port)
        )

    def data_received(self, data: bytes) -> None:
        crowd, kind = self._crowd, self._kind
        if not self._upgraded:
            self._upgraded = True
            self.say(kind.handshake)
        if not self._shaken and kind.welcome in data:
            self._shaken = True
            crowd.shaken += 1
        crowd.marks += data.count(MARK)
        pings = data.count(kind.ping)
        crowd.pings += pings
        if pings and kind.answer is not None:
            self.say(kind.answer)
        crowd.changed.set()

    def keep_alive(self) -> None:
        if self._kind.own is not None:
            self.say(self._kind.own)

    def say(self, payload: bytes) -> None:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
        self.transport.write(bytes((0x81, 0x80 | len(payload))) + mask + masked)

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.lost += 1
        self._crowd.changed.set()


async def run(wire: Wire, *, port: int, connections: int, kind: str = "signalr") -> None:
    """Words: "heard N" answers the time (monotonic) at which so many messages had arrived, "ping SECONDS" keeps alive
    for so long and answers the pings heard meanwhile and the connections lost."""
    crowd = _Crowd()
    known = _KINDS[kind]
    loop = asyncio.get_running_loop()
    clients: list[_Client] = []
    await wire.ready()
    pinged = loop.time()
    while len(clients) < connections:
        if loop.time() - pinged > 1.0:  # who came first must not be silent until the last is there
            pinged = loop.time()
            for client in clients:
                client.keep_alive()
        for _ in range(min(_BURST, connections - len(clients))):
            _, client = await loop.create_connection(lambda: _Client(crowd, known, port), "127.0.0.1", port)
            clients.append(client)
        await crowd.until("shaken", len(clients))
    wire.tell({"connected": crowd.shaken})
    while (word := await wire.heard()) != "stop":
        what, number = word.split()
        if what == "ping":
            end, before = loop.time() + float(number), crowd.pings
            while loop.time() < end:
                for client in clients:
                    client.keep_alive()
                await asyncio.sleep(0.5)
            wire.tell({"pings": crowd.pings - before, "lost": crowd.lost})
        else:
            await crowd.until("marks", int(number))
            wire.tell({"at": time.monotonic()})

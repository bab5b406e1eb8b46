"""A TCP proxy on loopback that breaks the connection where a test says: between two bytes, on either side of an answer.

Invariant: bytes pass in order and unchanged until a fault; after a cut not one more byte passes, in either direction. A
cut is a reset (RST), as from a crashed machine or a firewall, never an orderly end.

Everything happens in the event loop that called `start`; the methods that break things take effect before they return.
"""

import asyncio
import os
import socket
import struct
from dataclasses import dataclass, field
from enum import Enum
from typing import Self
from urllib.parse import urlsplit, urlunsplit

CHUNK = 64 * 1024


class Direction(Enum):
    """Which way bytes go. A connection has one stream of each."""

    UP = "from the client to the server"
    DOWN = "from the server to the client"


class Moment(Enum):
    """When a trigger cuts, counted from the client's bytes that hold its marker."""

    BEFORE_REQUEST = "the server never sees the marker"
    BEFORE_ANSWER = "the server has answered, the client sees nothing of the answer"
    WITHIN_ANSWER = "the client sees half of the answer"


@dataclass(eq=False)
class Trigger:
    """One armed cut. It fires once, on the first connection whose client sends the marker."""

    marker: bytes
    moment: Moment
    answer: bytes
    fired: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> None:
        """Return once the cut has been made."""
        await self.fired.wait()


class Proxy:
    """Listens on a port of 127.0.0.1 (`port`) and forwards each connection to `host`:`target_port`."""

    def __init__(self, host: str, target_port: int) -> None:
        self.host = host
        self.target_port = target_port
        self.port = 0
        # Connections accepted since the start, refused ones not counted.
        self.accepted = 0
        self._refusing = False
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._triggers: list[Trigger] = []
        self._flowing = {direction: asyncio.Event() for direction in Direction}
        self._late = dict.fromkeys(Direction, 0.0)
        self.resume()

    @classmethod
    def before(cls, url: str) -> Self:
        """A proxy before the server that `url` names; `url_through` gives the way through it."""
        parts = urlsplit(url)
        if parts.hostname is None or parts.port is None:
            raise ValueError(f"{url!r} has no host and port")
        return cls(parts.hostname, parts.port)

    def url_through(self, url: str) -> str:
        """`url` with the proxy's address in place of the server's."""
        parts = urlsplit(url)
        user, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{user}{at}127.0.0.1:{self.port}"))

    async def start(self) -> None:
        """Listen on a free port, or again on the same one."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=CHUNK)
            self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening, reset what is open, and return when nothing of it is left."""
        if self._server is not None:
            self._server.close()
            self._server = None
        finished = [connection.finished.wait() for connection in self._connections]
        self.cut()
        await asyncio.gather(*finished)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    # ---------------------------------------------------------------------------------------------------- the faults

    @property
    def open_connections(self) -> int:
        return len(self._connections)

    def cut(self) -> int:
        """Reset every open connection on both sides. Returns how many there were; new ones are still accepted."""
        connections = list(self._connections)
        for connection in connections:
            connection.cut()
        return len(connections)

    def cut_when(self, marker: bytes, moment: Moment, *, answer: bytes = b"") -> Trigger:
        """Arm a cut of the connection whose client sends `marker`; both sides are reset at `moment`.

        The answer is the server's first bytes after the request. Where requests are sent ahead of their answers these
        may belong to an earlier one: `answer` names bytes that only the right one holds.
        """
        trigger = Trigger(marker, moment, answer)
        self._triggers.append(trigger)
        return trigger

    def stall(self, *directions: Direction) -> None:
        """Keep back all bytes of these directions, of both if none is named, on open and on new connections."""
        for direction in directions or tuple(Direction):
            self._flowing[direction].clear()

    def resume(self, *directions: Direction) -> None:
        """Let the bytes of these directions go on, of both if none is named. Nothing kept back is lost."""
        for direction in directions or tuple(Direction):
            self._flowing[direction].set()

    def delay(self, seconds: float, direction: Direction = Direction.DOWN) -> None:
        """From now on each piece of what goes this way arrives so much later."""
        self._late[direction] = seconds

    def refuse(self) -> None:
        """Reset new connections at once, as a server that is down would; open ones go on."""
        self._refusing = True

    def accept(self) -> None:
        """Accept new connections again."""
        self._refusing = False

    # -------------------------------------------------------------------------------------------------------- inside

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            _reset(writer)
            return
        self.accepted += 1
        connection = _Connection(writer, self._triggers, self._flowing, self._late)
        self._connections.add(connection)
        try:
            await connection.run(reader, self.host, self.target_port)
        finally:
            self._connections.discard(connection)
            connection.finished.set()


class _Connection:
    """One client's connection and the server's that belongs to it."""

    def __init__(
        self,
        client: asyncio.StreamWriter,
        triggers: list[Trigger],
        flowing: dict[Direction, asyncio.Event],
        late: dict[Direction, float],
    ) -> None:
        self.finished = asyncio.Event()
        self._writers = [client]
        self._triggers = triggers
        self._flowing = flowing
        self._late = late
        self._pumps: list[asyncio.Task[None]] = []
        self._cut = False
        # The trigger whose request has gone up and whose answer has not come down.
        self._awaiting: Trigger | None = None

    async def run(self, client: asyncio.StreamReader, host: str, port: int) -> None:
        try:
            server, to_server = await asyncio.open_connection(host, port, limit=CHUNK)
        except OSError:
            self.cut()
            return
        to_client = self._writers[0]
        self._writers.append(to_server)
        if self._cut:
            self.cut()
            return
        for writer in self._writers:
            writer.transport.set_write_buffer_limits(0)  # `drain` returns when all is with the system
        self._pumps = [
            asyncio.create_task(self._pump(Direction.UP, client, to_server)),
            asyncio.create_task(self._pump(Direction.DOWN, server, to_client)),
        ]
        await asyncio.wait(self._pumps)
        for writer in self._writers:
            writer.close()

    def cut(self) -> None:
        self._cut = True
        for writer in self._writers:
            _reset(writer)
        for pump in self._pumps:
            pump.cancel()

    async def _pump(self, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward until one side ends (passed on as an end) or breaks (passed on as a reset)."""
        scan = self._scan_request if direction is Direction.UP else self._scan_answer
        seen = b""
        try:
            while data := await reader.read(CHUNK):
                await asyncio.sleep(self._late[direction])
                await self._flowing[direction].wait()
                passed = scan(seen, data)
                if passed is None:
                    return
                writer.write(passed)
                await writer.drain()
                # A marker may lie across two reads: as much of the past is kept as the longest marker needs.
                seen = (seen + data)[-self._memory() :]
            await self._flowing[direction].wait()
            writer.write_eof()
        except OSError:
            self.cut()

    def _memory(self) -> int:
        markers = [len(trigger.marker) for trigger in self._triggers]
        if self._awaiting is not None:
            markers.append(len(self._awaiting.answer))
        return max([1, *(length - 1 for length in markers)])

    def _scan_request(self, seen: bytes, data: bytes) -> bytes | None:
        """What of the client's new bytes may pass: all, or None after a cut."""
        for trigger in self._triggers:
            if not _completes(seen, data, trigger.marker):
                continue
            self._triggers.remove(trigger)
            if trigger.moment is Moment.BEFORE_REQUEST:
                self._fire(trigger)
                return None
            self._awaiting = trigger
            break
        return data

    def _scan_answer(self, seen: bytes, data: bytes) -> bytes | None:
        trigger = self._awaiting
        if trigger is None or not _completes(seen, data, trigger.answer):
            return data
        if trigger.moment is Moment.WITHIN_ANSWER:
            ends_at = data.find(trigger.answer) + len(trigger.answer)
            whole = ends_at if trigger.answer and trigger.answer in data else len(data)
            self._send_last(data[: max(1, whole // 2)])
        self._fire(trigger)
        return None

    def _send_last(self, data: bytes) -> None:
        # Straight to the socket: a reset throws away what waits in the transport (which has nothing now, see `run`).
        os.write(self._writers[0].get_extra_info("socket").fileno(), data)

    def _fire(self, trigger: Trigger) -> None:
        self._awaiting = None
        self.cut()
        trigger.fired.set()


def _completes(seen: bytes, data: bytes, marker: bytes) -> bool:
    """Whether `marker` ends within `data`, wherever it began; an empty one is found in any data."""
    if not marker:
        return True
    before = seen[-(len(marker) - 1) :] if len(marker) > 1 else b""
    return marker in before + data


def _reset(writer: asyncio.StreamWriter) -> None:
    descriptor = writer.get_extra_info("socket").fileno()
    if descriptor != -1:
        # A close within no time to linger is a reset. Options belong to the socket, whichever descriptor sets them.
        with socket.socket(fileno=os.dup(descriptor)) as twin:
            twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

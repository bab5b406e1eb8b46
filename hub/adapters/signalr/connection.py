"""One client: its handshake, what it sent, what it is owed, and the transport that carries both.

Invariant: messages go out in the order of `send`, each whole; after `end` nothing more is sent but what was waiting.
What waits for a client is bounded: one that reads too slowly, or stays away too long, is dropped.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from hub.adapters.signalr import handshake
from hub.adapters.signalr.calls import Calls
from hub.adapters.signalr.messages import (
    NUMBERED,
    PING,
    Ack,
    Close,
    HubMessage,
    Ping,
    ProtocolError,
)
from hub.adapters.signalr.protocol import Codec
from hub.adapters.signalr.resume import Resume
from hub.adapters.signalr.settings import Settings
from hub.ports import Identity

_FRAME = 64 * 1024
"""Bytes from which on messages that wait go in a frame of their own."""
_TURN = 100
"""Frames and messages of one client that are read before the others have their turn: what has arrived is read without
waiting."""


class Kind(StrEnum):
    """The transports, by their names in the negotiation."""

    WEBSOCKETS = "WebSockets"
    SERVER_SENT_EVENTS = "ServerSentEvents"
    LONG_POLLING = "LongPolling"


class Carrier(Protocol):
    """What brings bytes to the client."""

    binary: bool

    def nudge(self) -> None:
        """There is something to `drain`."""
        ...

    def lost(self) -> bool:
        """Whether the client cannot be reached by it any more."""
        ...

    def abandon(self) -> None:
        """Another one takes its place, or the connection ended: send what is left, then close."""
        ...


class Connection:
    """`ended(connection)` is called once it has ended. Times are the clock's monotonic seconds."""

    __slots__ = (
        "_heard", "_in", "_on_end", "_out", "_out_size", "_searched", "_spoke", "_turn", "calls", "carrier", "codec",
        "ended", "groups", "id", "identity", "kind", "last_in", "last_out", "resume", "settings", "since", "token",
    )  # fmt: skip

    def __init__(
        self,
        identity: Identity,
        settings: Settings,
        calls: Callable[[Connection], Calls],
        ended: Callable[[Connection], None],
        now: float,
        *,
        stateful: bool = False,
        shared_id: bool = False,
    ) -> None:
        self.id = secrets.token_urlsafe(16)
        self.token = self.id if shared_id else secrets.token_urlsafe(24)
        self.identity = identity
        self.settings = settings
        self.kind: Kind | None = None
        self.codec: Codec | None = None
        self.carrier: Carrier | None = None
        self.resume = Resume() if stateful else None
        self.groups: set[str] = set()
        self.calls = calls(self)
        self.ended = False
        self.since = now
        """When it was made, or lost its transport."""
        self.last_in = now
        self.last_out = now
        self._on_end = ended
        self._in = bytearray()
        self._searched = 0
        self._turn = 0
        self._out: list[bytes] = []
        self._out_size = 0
        self._heard = self._spoke = False
        """Since `tend` looked last."""

    # --- transports -------------------------------------------------------------------------------------------------

    def attach(self, carrier: Carrier, kind: Kind, now: float) -> None:
        """From now on `carrier` carries it. On a stateful reconnect what may be missing is sent again."""
        before, self.carrier = self.carrier, carrier
        if before is not None:
            self._let_go()
            before.abandon()
        self.kind = kind
        self.last_in = self.last_out = now
        if self.resume is not None and self.codec is not None:
            self._queue(self.codec.encode(self.resume.start()))
            for message in self.resume.again():
                self._queue(message)

    def detach(self, carrier: Carrier, now: float, *, said: bool) -> None:
        """`carrier` is gone; `said`: by an orderly end. A stateful connection waits for another one."""
        if self.carrier is not carrier:
            return
        if self.resume is None or self.codec is None or said or self.ended:
            self.end(say=False)
            return
        self.carrier = None
        self.since = now
        self._let_go()
        self._check_room()

    def _let_go(self) -> None:
        """What was half received or queued went with the transport; numbered messages are kept in `resume`."""
        self._in.clear()
        self._searched = 0
        self._out = []
        self._out_size = 0
        if self.resume is not None:
            self.resume.lost()

    @property
    def away(self) -> bool:
        """Whether it waits for a stateful reconnect."""
        return self.carrier is None and self.codec is not None

    # --- in ---------------------------------------------------------------------------------------------------------

    async def feed(self, data: bytes) -> None:
        """Bytes from the client, as they came. Waits while too much of what it asked for is still to be done, and now
        and then for the other clients."""
        if self.ended:
            return
        self._heard = True
        self._in += data
        try:
            if not self._shaken():
                return
            carrier = self.carrier
            while carrier is self.carrier and (message := self._next()) is not None:
                self._take(message)
                if self.calls.crowded:
                    await self.calls.room()
                await self.turn()
        except ProtocolError as error:
            self.fail(str(error))

    async def turn(self) -> None:
        """Called for each frame and message: lets the others have their turn when this client has had its own."""
        self._turn += 1
        if self._turn >= _TURN:
            self._turn = 0
            await asyncio.sleep(0)

    def _shaken(self) -> bool:
        """Whether the handshake is done, by now or long since. Raises ProtocolError."""
        if self.codec is not None:
            return True
        if self.carrier is None:
            raise ProtocolError("There is no transport yet.")
        self.codec = handshake.take(self._in, binary=self.carrier.binary)
        if self.codec is None:
            return False
        self._queue(handshake.ACCEPTED)
        return True

    def _next(self) -> HubMessage | None:
        """The next whole message that is to be dealt with; none after the end. Raises ProtocolError."""
        codec = self.codec
        while codec is not None and not self.ended:
            raw, self._searched = codec.cut(self._in, self.settings.max_message, self._searched)
            if raw is None:
                return None
            message = codec.decode(raw)
            if message is not None and (self.resume is None or self.resume.takes(message)):
                return message
        return None

    def _take(self, message: HubMessage) -> None:
        match message:
            case Ping():
                pass
            case Ack():
                if self.resume is not None:
                    self.resume.acknowledged(message.sequence_id)
            case Close():
                self.end(say=False)
            case _:
                self.calls.take(message)

    # --- out --------------------------------------------------------------------------------------------------------

    def send(self, message: HubMessage) -> None:
        """Send, or keep for a client that is away. Nothing happens after the end, or before the handshake."""
        if self.codec is not None and not self.ended:
            self.send_encoded(self.codec.encode(message), numbered=isinstance(message, NUMBERED))

    def send_encoded(self, message: bytes, *, numbered: bool = True) -> None:
        """The same for what is encoded already by this connection's codec."""
        if self.ended:
            return
        if numbered and self.resume is not None:
            self.resume.keep(message)
        if self.carrier is not None:
            self._queue(message)
        self._check_room()

    def drain(self) -> bytes:
        """What waits to be sent: whole messages, taken off; empty when there are none."""
        if not self._out_size:
            return b""
        count, size = 0, 0
        for message in self._out:
            count += 1
            size += len(message)
            if size >= _FRAME:
                break
        taken = b"".join(self._out[:count])
        del self._out[:count]
        self._out_size -= size
        return taken

    def tend(self, now: float) -> None:
        """What time alone brings: acknowledgements, pings."""
        if self.resume is not None and self.carrier is not None and (owed := self.resume.owed()) is not None:
            self.send(Ack(owed))
        if self._heard:
            self.last_in, self._heard = now, False
        if self._spoke:
            self.last_out, self._spoke = now, False
        elif self.kind is not Kind.LONG_POLLING and now - self.last_out >= self.settings.keepalive:
            self.send(PING)

    def _queue(self, message: bytes) -> None:
        self._out.append(message)
        self._out_size += len(message)
        self._spoke = True
        if self.carrier is not None:
            self.carrier.nudge()

    def _check_room(self) -> None:
        if self._out_size > self.settings.send_buffer:
            self._out = []
            self._out_size = 0
            self.end("The client reads too slowly.", allow_reconnect=True)
        elif self.resume is not None and self.resume.size > self._keepable:
            self.end("The client was away for too many messages.", allow_reconnect=True)

    @property
    def _keepable(self) -> int:
        """Bytes to keep: while it is connected acknowledgements come every second, so that more may be under way."""
        return self.settings.stateful_buffer if self.carrier is None else self.settings.send_buffer

    # --- the end ----------------------------------------------------------------------------------------------------

    def fail(self, error: str) -> None:
        """End it because of what the client did."""
        self.end(error)

    def end(self, error: str | None = None, *, allow_reconnect: bool = False, say: bool = True) -> None:
        """End it, at most once; `say`: the client is told, as well as it can be."""
        if self.ended:
            return
        if say and self.carrier is not None:
            if self.codec is None:
                self._queue(handshake.refusal(error or "The server is closing."))
            else:
                self._queue(self.codec.encode(Close(error, allow_reconnect)))
        self.ended = True
        self.calls.abandon()
        self._on_end(self)
        if self.carrier is not None:
            self.carrier.abandon()

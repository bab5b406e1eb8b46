"""paho's client on the hub's own loop: read when something has come, written when there is room, and pinged.

Invariant: nothing is read while it is paused, and after `detach` nothing of it is called any more. Whatever a broker
sends, a step of paho's that fails ends this connection and nothing else.

Driven by the loop's readers and writers instead of paho's thread. A thread would wait in select(), which fails in a
process with more than 1,024 open files, and could not stop reading from a broker that sends more than it may.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from paho.mqtt.enums import MQTTErrorCode

from hub.adapters.mqtt.client import Client

_TURN = 64
"""Packets read before the loop gets on with something else."""
_PINGREQ, _DISCONNECT = b"\xc0\x00", b"\xe0\x00"


class Wire:
    """`ended` is called when paho says that the connection is over, `broken` with the reason when it breaks."""

    def __init__(self, client: Client, ended: Callable[[], object], broken: Callable[[str], None]) -> None:
        self._client = client
        self._ended = ended
        self._broken = broken
        self._loop = asyncio.get_running_loop()
        self._written = asyncio.Event()
        self._fd: int | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self.paused = False
        self.progress = 0
        """Counted up by whoever hears a packet: where it stands still, nothing more has come as a whole."""
        self.heard = self._loop.time()
        self.greeted = False
        """The broker has consented, and may be pinged."""

    def attach(self) -> bool:
        """Begin to read and write; False if there is nothing to be read from."""
        sock = self._client.socket()
        if sock is None:
            return False
        self._fd = sock.fileno()
        self.heard = self._loop.time()
        self._loop.add_reader(self._fd, self._readable)
        self.want_write(True)
        self._tick()
        return True

    def detach(self) -> None:
        """Tolerates never-attached and twice."""
        if self._fd is not None:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._fd = None
        if self._ticking is not None:
            self._ticking.cancel()
        self._written.set()

    def pause(self) -> None:
        """Read nothing more for now; the broker is told that we live all the same."""
        if not self.paused and self._fd is not None:
            self.paused = True
            self._loop.remove_reader(self._fd)

    def resume(self) -> None:
        if self.paused and self._fd is not None:
            self.paused = False
            self.heard = self._loop.time()
            self._loop.add_reader(self._fd, self._readable)
            self._loop.call_soon(self._readable)  # TLS may have read ahead of the socket

    def want_write(self, wanted: bool) -> None:
        if self._fd is None:
            return  # still dialling, in another thread
        if wanted:
            self._loop.add_writer(self._fd, self._writable)
        else:
            self._loop.remove_writer(self._fd)

    def ping(self) -> None:
        """Written here and not by paho, whose own watch ends a connection that is not read for a while."""
        sock = self._client.socket()
        if not self.greeted or self._fd is None or sock is None or self._client.want_write():
            return
        try:
            sock.send(_PINGREQ)
        except (BlockingIOError, InterruptedError):
            return  # what fills the socket says that we live
        except OSError as error:
            self._broken(str(error))

    async def farewell(self) -> None:
        """Write what is still to be written, then DISCONNECT, and wait for the broker to close. Raises OSError."""
        sock = self._client.socket()
        while self._client.want_write() and self._fd is not None:
            self._written.clear()
            await self._written.wait()
        if self._fd is not None and sock is not None:
            sock.send(_DISCONNECT)
            # Closed with bytes unread, a socket takes back what the other side has not read either.
            await self._drain(sock)

    # --- the loop's side --------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        if not self._reads():
            return
        self.heard = self._loop.time()
        for _ in range(_TURN):
            before = self.progress
            self._drive(self._client.loop_read)
            if self.progress == before or not self._reads():
                break
        pending = getattr(self._client.socket(), "pending", None)  # only TLS reads ahead
        if pending is not None and self._reads() and pending() > 0:
            self._loop.call_soon(self._readable)

    def _reads(self) -> bool:
        return self._fd is not None and not self.paused

    def _writable(self) -> None:
        self._drive(self._client.loop_write)
        if not self._client.want_write():
            self._written.set()

    def _drive(self, step: Callable[[], MQTTErrorCode]) -> None:
        try:
            code = step()
        except Exception as error:  # whatever a broker has sent to bring this about, the hub goes on
            self._broken(f"{type(error).__name__}: {error}")
            return
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._ended()

    def _tick(self) -> None:
        self.ping()
        if self._fd is not None:  # the ping may have found out that it is lost
            self._ticking = self._loop.call_later(self._client.keepalive / 3, self._tick)

    async def _drain(self, sock: Any) -> None:
        """Read on until the broker has closed its side; what comes is thrown away, and comes again."""
        ended: asyncio.Future[None] = self._loop.create_future()

        def readable() -> None:
            try:
                while sock.recv(65_536):
                    pass
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                pass  # as good an end as any
            if not ended.done():
                ended.set_result(None)

        if self._fd is not None:
            self._loop.add_reader(self._fd, readable)
            await ended

"""The socket under a connection: stomp.py's transport, with the parts replaced that a hub cannot rely on.

Invariant: the event loop never waits for a broker. Everything written goes through one thread (stomp.py itself would
block the caller while a broker does not read), everything read through another; both end when the socket does.

What is replaced, and why: dialling (stomp.py drops the reason of a failure, and falls back to plain text for an address
that its TLS settings do not name), reading (it waits for ever on a TLS connection that the other side has closed, and
see `frames`), escaping (it leaves the names of headers as they are), heart-beats (its thread waits three intervals, and
disconnects under whoever is writing).
"""

from __future__ import annotations

import queue
import selectors
import socket
import ssl
import threading
from typing import Any, Final

from stomp.transport import Transport
from stomp.utils import Frame, PollableQueue, convert_frame

from hub.adapters.activemq.frames import NotStomp, Splitter
from hub.adapters.activemq.headers import escaped
from hub.adapters.activemq.settings import Host
from hub.clock import Clock

_RECEIVE: Final = 128 * 1024
_AT_ONCE: Final = 64 * 1024
_HEARTBEAT: Final = b"\n"


class Wire(Transport):  # type: ignore[misc]  # stomp.py ships no types
    """One socket, dialled once. `heard` is when something came last, by the clock's monotonic; `fault` why it ended."""

    def __init__(self, host: Host, vhost: str, tls: ssl.SSLContext | None, clock: Clock, timeout: float) -> None:
        super().__init__([(host.name, host.port)], vhost=vhost, auto_decode=False)
        self.override_threading(_named_thread)
        self._host = host
        self._tls = tls
        self._clock = clock
        self._dial_timeout = timeout
        self._frames = Splitter()
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._may_read = threading.Event()
        self._may_read.set()
        self._aborted = False
        self.beat: float | None = None
        self.heard = clock.monotonic()
        self.fault: str | None = None
        self.socket: socket.socket | None

    # ---------------------------------------------------------------------------------- called by stomp.py's connection

    def attempt_connection(self) -> None:
        """Dial. Raises OSError (ssl.SSLError among them)."""
        address = (self._host.name, self._host.port)
        dialled = socket.create_connection(address, self._dial_timeout)
        try:
            dialled.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                dialled = self._tls.wrap_socket(dialled, server_hostname=self._host.name)
        except BaseException:
            dialled.close()
            raise
        self.current_host_and_port = address
        self.socket = dialled
        if self._tls is None:
            dialled.settimeout(None)
        else:
            # One OpenSSL connection serves one thread only: stomp.py's reads and writes, by its selector.
            dialled.setblocking(False)
            self.send_queue = PollableQueue()
            self.sel = selectors.DefaultSelector()
            self.sel.register(self.send_queue, selectors.EVENT_READ)
            self.sel.register(dialled, selectors.EVENT_READ)
            self.blocking = False
        self.heard = self._clock.monotonic()
        if self._aborted:
            self.cleanup()
            raise ConnectionAbortedError("given up while connecting")
        self._writer = _named_thread(self._write, "stomp-writer")

    def receive(self) -> bytes:
        """Whole frames, or nothing when the connection has ended. In stomp.py's thread."""
        try:
            while self._may_read.wait() and self.socket is not None:
                data = self.socket.recv(_RECEIVE)
                if not data:
                    break
                self.heard = self._clock.monotonic()
                if whole := self._frames.feed(data):
                    return whole
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except NotStomp as error:
            self.fault = f"{error}: what listens there does not speak STOMP, or not well"
        except OSError as error:
            self.fault = self.fault or f"the connection broke ({error.strerror or error})"
        self.running = False
        return b""

    def transmit(self, frame: Frame) -> None:
        """Write a frame, after those before it; returns at once. Values are escaped already, but for CONNECT."""
        if frame.cmd != "CONNECT":
            frame.headers = {escaped(name): value for name, value in frame.headers.items()}
        self._outgoing.put(b"".join(convert_frame(frame)))

    # ------------------------------------------------------------------------------------------------------- our own

    def hold(self) -> None:
        """Read no further until `go_on`: the broker sends more than it was asked for."""
        self._may_read.clear()

    def go_on(self) -> None:
        self.heard = self._clock.monotonic()
        self._may_read.set()

    @property
    def held(self) -> bool:
        return not self._may_read.is_set()

    def abort(self, fault: str | None = None) -> None:
        """End both threads and the connection, from any thread, without waiting."""
        self.fault = self.fault or fault
        self._aborted = True
        self.running = False
        self._may_read.set()
        self._outgoing.put(None)
        _shut(self.socket)

    def join(self, timeout: float) -> None:
        """Wait until both threads have ended; nothing is open then."""
        for thread in (self._writer, self.io_thread):
            if thread is not None:
                thread.join(timeout)
        if self.socket is not None:  # its reader never began
            self.cleanup()

    def _write(self) -> None:
        try:
            while (piece := self._next()) is not None:
                pieces, size = [piece], len(piece)
                while size < _AT_ONCE and not self._outgoing.empty():
                    more = self._outgoing.get()
                    if more is None:
                        self._push(b"".join(pieces))
                        return
                    pieces.append(more)
                    size += len(more)
                self._push(b"".join(pieces))
        except OSError as error:
            self.abort(f"the connection broke ({error.strerror or error})")

    def _next(self) -> bytes | None:
        try:
            return self._outgoing.get(timeout=self.beat)
        except queue.Empty:
            return _HEARTBEAT

    def _push(self, data: bytes) -> None:
        target, pending = self.socket, self.send_queue
        if target is None or self._aborted:
            raise ConnectionAbortedError("closed")
        if self._tls is None:
            target.sendall(data)
            return
        if pending is None:
            raise ConnectionAbortedError("closed")
        # stomp.py copies what is left of a piece each time a part of it was sent.
        for start in range(0, len(data), _AT_ONCE):
            pending.put(data[start : start + _AT_ONCE])


def _shut(connected: socket.socket | None) -> None:
    """Wake whoever reads or writes; the reader closes it. Not by SSLSocket's own method, which would let the reader
    take what is still encrypted for plain text."""
    if connected is not None:
        try:
            socket.socket.shutdown(connected, socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended by itself


def _named_thread(run: Any, name: str = "stomp-reader") -> threading.Thread:
    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread

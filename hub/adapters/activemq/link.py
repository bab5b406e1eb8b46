"""One STOMP connection: log-in, receipts, heart-beats, and its end.

Invariant: a link is used once; it ends once, with one reason, and whoever waits for anything on it is told that reason.
What comes in the reader's thread is handed to the event loop, in its order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from stomp import Connection12
from stomp.utils import Frame

from hub.adapters.activemq import faults
from hub.adapters.activemq.settings import Host, Settings
from hub.adapters.activemq.wire import Wire
from hub.adapters.blocking import in_thread
from hub.clock import Clock
from hub.errors import HubError, Transient

_GOOD_BYE: Final = 2.0
_SILENT_INTERVALS: Final = 2.0

OnMessage = Callable[[Frame], None]
OnEnd = Callable[[], None]


class Link:
    """`on_message` is called in the loop for each MESSAGE frame, `on_end` once, when the link has failed or closed.
    `server` is what the broker calls itself."""

    def __init__(self, host: Host, settings: Settings, clock: Clock, on_message: OnMessage, on_end: OnEnd) -> None:
        self.host = host
        self.failure: HubError | None = None
        self.server = ""
        self._settings = settings
        self._clock = clock
        self._on_message = on_message
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._wire = Wire(host, settings.vhost, settings.tls_context(), clock, settings.connect_timeout)
        self._connection = _Connection(self._wire)
        self._connection.set_listener("hub", _Listener(self._arrived))
        self._arrivals: deque[tuple[str, Frame | None]] = deque()
        self._scheduled = False
        self._connected: asyncio.Future[Frame] = self._loop.create_future()
        self._receipts: dict[str, asyncio.Future[None]] = {}
        self._numbers = 0
        self._watch: asyncio.TimerHandle | None = None

    async def open(self, client_id: str | None) -> None:
        """Dial and log in. Raises Transient or Permanent, saying what to do."""
        settings = self._settings
        beat = round(settings.heartbeat * 1000)
        headers = {"heart-beat": f"{beat},{beat}"}
        if client_id is not None:
            headers["client-id"] = client_id
        try:
            await self._dial(headers)
            async with asyncio.timeout(settings.connect_timeout):
                answer = await self._connected
        except TimeoutError:
            self._fail(Transient(f"{self.host}: no answer to the log-in within {settings.connect_timeout:g} s"))
        except HubError as error:
            self._fail(error)
        except BaseException:
            self._fail(Transient("given up while connecting"))
            raise
        if self.failure is not None:
            raise self.failure
        self.server = answer.headers.get("server", "")
        self._agree_on_heartbeats(answer.headers.get("heart-beat", "0,0"), beat)

    async def _dial(self, headers: dict[str, str]) -> None:
        settings = self._settings
        try:
            # Names are looked up without a time-out of the socket's.
            async with asyncio.timeout(settings.connect_timeout * 1.5):
                await in_thread(
                    lambda: self._connection.connect(
                        settings.username, settings.password, headers=headers, with_connect_command=True
                    ),
                    "stomp-dial",
                )
        except OSError as error:
            raise faults.dial_fault(self.host, error, settings.secure) from error

    @property
    def alive(self) -> bool:
        return self.failure is None

    def request(self, command: Callable[..., None], *arguments: Any, headers: dict[str, str]) -> asyncio.Future[None]:
        """Send a frame by a method of `connection`, with a receipt; done when the broker has answered it."""
        if self.failure is not None:
            raise self.failure
        self._numbers += 1
        receipt = str(self._numbers)
        answered: asyncio.Future[None] = self._loop.create_future()
        self._receipts[receipt] = answered
        answered.add_done_callback(lambda _: self._receipts.pop(receipt, None))
        command(*arguments, headers={**headers, "receipt": receipt})
        return answered

    @property
    def connection(self) -> Any:
        """stomp.py's connection: its methods write frames and return at once."""
        return self._connection

    def hold(self, full: bool) -> None:
        """Whether to stop reading, or to go on."""
        if full and not self._wire.held:
            self._wire.hold()
        elif not full and self._wire.held:
            self._wire.go_on()

    async def close(self) -> None:
        """Say good-bye, as far as the broker listens, and end; what it had sent unacknowledged goes back to it."""
        try:
            if self.failure is None:
                try:
                    async with asyncio.timeout(_GOOD_BYE):
                        await self.request(_disconnect, self._connection, headers={})
                except (TimeoutError, HubError):
                    pass  # the broker notices the closed socket as well
        finally:
            self._fail(Transient(f"{self.host}: the connection was closed"))
            await asyncio.to_thread(self._wire.join, _GOOD_BYE)

    # ------------------------------------------------------------------------------------------- from the reader's side

    def _arrived(self, kind: str, frame: Frame | None) -> None:
        """In the reader's thread."""
        self._arrivals.append((kind, frame))
        if not self._scheduled:
            self._scheduled = True
            try:
                self._loop.call_soon_threadsafe(self._take)
            except RuntimeError:
                self._wire.abort()  # the loop has been closed, and nobody waits for this any more

    def _take(self) -> None:
        self._scheduled = False
        while self._arrivals:
            kind, frame = self._arrivals.popleft()
            if frame is None:
                self._ended()
            elif kind == "message":
                if self.failure is None:
                    self._on_message(frame)
            elif kind == "receipt":
                self._receipted(frame.headers.get("receipt-id", ""), None)
            elif kind == "connected":
                if not self._connected.done():
                    self._connected.set_result(frame)
            else:
                self._refused(frame)

    def _refused(self, frame: Frame) -> None:
        """An ERROR frame: of one request where it names one, else of the connection."""
        text = faults.said(frame.headers, frame.body or b"")
        receipt = frame.headers.get("receipt-id")
        if not self._connected.done():
            self._fail(faults.login_refused(self.host, text))
        elif receipt in self._receipts:
            self._receipted(receipt, faults.error_of(text))
        else:
            self._fail(faults.error_of(text))

    def _receipted(self, receipt: str, error: HubError | None) -> None:
        answered = self._receipts.pop(receipt, None)
        if answered is None or answered.done():
            return
        if error is None:
            answered.set_result(None)
        else:
            answered.set_exception(error)

    def _ended(self) -> None:
        fault = self._wire.fault
        if not self._connected.done():
            settings = self._settings
            self._fail(faults.login_closed(self.host, fault, settings.secure, settings.username, settings.client_id))
        else:
            self._fail(Transient(f"{self.host}: {fault or 'the broker closed the connection'}"))

    # ---------------------------------------------------------------------------------------------------- its end

    def _fail(self, error: HubError) -> None:
        if self.failure is not None:
            return
        self.failure = error
        if self._watch is not None:
            self._watch.cancel()
        self._wire.abort(str(error))
        if not self._connected.done():
            self._connected.set_exception(error)
            self._connected.exception()  # seen: `open` may have given up already
        receipts, self._receipts = self._receipts, {}
        for answered in receipts.values():
            if not answered.done():
                answered.set_exception(type(error)(str(error)))
                answered.exception()
        self._on_end()

    # ------------------------------------------------------------------------------------------------------ heart-beats

    def _agree_on_heartbeats(self, theirs: str, ours: int) -> None:
        """The slower of both wishes, each way; none where one side wishes for none. Milliseconds."""
        sends, _, wants = theirs.partition(",")
        try:
            sends_every, wants_every = int(sends), int(wants)
        except ValueError:
            sends_every, wants_every = 0, 0
        if ours and wants_every:
            # Twice as often as promised: a busy process may come late.
            self._wire.beat = max(ours, wants_every) / 2000
            self._connection.beat()
        if ours and sends_every:
            self._watch_for(max(ours, sends_every) / 1000)

    def _watch_for(self, interval: float) -> None:
        silent = self._clock.monotonic() - self._wire.heard
        if silent > interval * _SILENT_INTERVALS and not self._wire.held:
            self._fail(
                Transient(f"{self.host}: silent for {silent:.1f} s, though it promised a sign every {interval:g} s")
            )
            return
        self._watch = self._loop.call_later(interval / 8, self._watch_for, interval)


class _Connection(Connection12):  # type: ignore[misc]  # stomp.py ships no types
    """STOMP 1.2 over a `Wire`."""

    def __init__(self, wire: Wire) -> None:
        super().__init__([("unused", 0)])
        # What Connection12 made first is for sockets of its own making.
        self.transport = wire
        wire.set_listener("protocol-listener", self)

    def beat(self) -> None:
        """A heart-beat at once: the writer then knows of the interval."""
        self.transport.transmit(Frame(None, {}, None))


class _Listener:
    """What stomp.py calls, in the reader's thread: by their names, a common base is not needed."""

    def __init__(self, arrived: Callable[[str, Frame | None], None]) -> None:
        self._arrived = arrived

    def on_connected(self, frame: Frame) -> None:
        self._arrived("connected", frame)

    def on_message(self, frame: Frame) -> None:
        self._arrived("message", frame)

    def on_receipt(self, frame: Frame) -> None:
        self._arrived("receipt", frame)

    def on_error(self, frame: Frame) -> None:
        self._arrived("error", frame)

    def on_receiver_loop_completed(self, frame: None) -> None:
        self._arrived("ended", None)


def _disconnect(connection: Any, *, headers: Mapping[str, str]) -> None:
    connection.send_frame("DISCONNECT", dict(headers))

"""One connection to a server, as a client: negotiated, shaken hands, read until it breaks.

Invariant: once it broke it stays broken, with its reason, and everybody who waits for an answer hears it. Neither the
token nor an address with one is part of a text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal

import aiohttp
import msgspec

from hub.adapters.signalr import handshake
from hub.adapters.signalr.messages import (
    PING,
    Close,
    Completion,
    HubMessage,
    Invocation,
    ProtocolError,
)
from hub.adapters.signalr.protocol import CODECS, Codec
from hub.adapters.signalr_client.negotiation import Place, advice, bearer, negotiate
from hub.adapters.signalr_client.settings import Settings
from hub.adapters.tls import dialling
from hub.clock import Clock
from hub.errors import HubError, Permanent, Transient

_VERSION: Final = 1

Heard = Callable[[Invocation], Awaitable[None]]
_Socket = aiohttp.ClientWebSocketResponse[Literal[False]]


class Session:
    """`heard` takes what the server calls, and waits while there is no room for more; nothing is read meanwhile."""

    def __init__(self, settings: Settings, heard: Heard, clock: Clock) -> None:
        self._settings = settings
        self._heard = heard
        self._clock = clock
        self._codec: Codec = CODECS[settings.protocol]()
        self._http: aiohttp.ClientSession | None = None
        self._socket: _Socket | None = None
        self._buffer = bytearray()
        self._searched = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._answers: dict[str, asyncio.Future[Completion]] = {}
        self._numbers = 0
        self._last = 0.0
        self._busy = False
        self.fault: HubError | None = None
        """Why it is broken; None while it is not."""
        self.broken = asyncio.Event()

    async def open(self) -> None:
        """Connect and greet. Raises Transient, Permanent."""
        settings = self._settings
        self._http = aiohttp.ClientSession(trust_env=False, timeout=aiohttp.ClientTimeout(total=settings.timeout))
        try:
            async with asyncio.timeout(settings.timeout):
                socket = await self._connect(self._http)
                self._tasks = [
                    asyncio.get_running_loop().create_task(work, name=f"signalr client {what}")
                    for what, work in (("reader", self._read(socket)), ("pings", self._ping()))
                ]
                for greeting in settings.greetings:
                    await self.invoke(greeting.target, greeting.arguments)
        except BaseException as error:
            await self.close()
            raise _fault(error) from error

    async def close(self) -> None:
        """Say good-bye. Harmless twice, and when it never opened. Raises nothing."""
        self._break(Transient("the connection was closed"))
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        try:
            if self._socket is not None and not self._socket.closed:
                await self._write(Close())
                await self._socket.close()
        except (Transient, aiohttp.ClientError, OSError):
            pass  # the other side was quicker
        if self._http is not None:
            await self._http.close()

    def check(self) -> None:
        """Raises what broke it, or Transient for a server that has been silent for too long."""
        if self.fault is None and not self._busy:
            silent = self._clock.monotonic() - self._last
            if silent > self._settings.server_timeout:
                self._break(Transient(f"the server has been silent for {silent:.0f} s"))
        if self.fault is not None:
            raise self.fault

    async def invoke(self, target: str, arguments: Sequence[Any]) -> Any:
        """What the server's method answers. Raises Transient, and Permanent where there is no such method."""
        self._numbers += 1
        id = str(self._numbers)
        answer = self._answers[id] = asyncio.get_running_loop().create_future()
        try:
            await self._write(Invocation(target=target, arguments=arguments, invocation_id=id))
            async with asyncio.timeout(self._settings.timeout):
                end = await answer
        except TimeoutError:
            raise Transient(f"{target!r} was not completed within {self._settings.timeout:g} s") from None
        finally:
            self._answers.pop(id, None)
        if end.error is None:
            return None if end.result is msgspec.UNSET else end.result
        refusal = f"{target!r} was answered with an error: {end.error[:500]}"
        if "Unknown hub method" in end.error or "Method does not exist" in end.error:
            raise Permanent(refusal)
        raise Transient(refusal)

    async def answer(self, end: Completion) -> None:
        """Tell the server what became of its call. Raises Transient."""
        await self._write(end)

    # --- connecting -------------------------------------------------------------------------------------------------

    async def _connect(self, http: aiohttp.ClientSession) -> _Socket:
        settings = self._settings
        place = await negotiate(http, settings) if settings.negotiate else Place(settings.url, settings.token)
        socket = self._socket = await http.ws_connect(
            place.url,
            headers=bearer(place.token),
            ssl=dialling(settings.tls),
            compress=0,
            autoping=True,
            max_msg_size=2 * settings.max_message + 64 * 1024,
            decode_text=False,
        )
        await socket.send_frame(handshake.request(self._codec, _VERSION), aiohttp.WSMsgType.TEXT)
        while not handshake.take_response(self._buffer):
            self._buffer += await self._frame(socket)
        self._last = self._clock.monotonic()
        return socket

    # --- at work ----------------------------------------------------------------------------------------------------

    async def _read(self, socket: _Socket) -> None:
        try:
            while self.fault is None:
                while (message := self._next()) is not None:
                    await self._take(message)
                self._buffer += await self._frame(socket)
                self._last = self._clock.monotonic()
        except HubError as error:
            self._break(error)
        except ProtocolError as error:
            self._break(Transient(f"the server's words: {error}"))
        except Exception as error:  # whatever the library raises ends the connection, with its reason
            self._break(Transient(f"the connection broke: {type(error).__name__}: {error}"))

    async def _frame(self, socket: _Socket) -> bytes:
        """Raises Transient."""
        frame = await socket.receive()
        if frame.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            raise Transient(f"the server closed the connection ({socket.close_code})")
        data: bytes = frame.data
        return data

    def _next(self) -> HubMessage | None:
        while True:
            raw, self._searched = self._codec.cut(self._buffer, self._settings.max_message, self._searched)
            if raw is None:
                return None
            message = self._codec.decode(raw)
            if message is not None:
                return message

    async def _take(self, message: HubMessage) -> None:
        match message:
            case Invocation():
                self._busy = True
                try:
                    await self._heard(message)
                finally:
                    self._busy = False
                    self._last = self._clock.monotonic()
            case Completion():
                answer = self._answers.get(message.invocation_id)
                if answer is not None and not answer.done():
                    answer.set_result(message)
            case Close():
                raise Transient(f"the server said good-bye: {message.error or 'no reason given'}")

    async def _ping(self) -> None:
        while self.fault is None:
            await asyncio.sleep(self._settings.keepalive)
            try:
                await self._write(PING)
            except Transient as error:
                self._break(error)

    async def _write(self, message: HubMessage) -> None:
        """Raises Transient."""
        socket = self._socket
        if socket is None or socket.closed:
            raise self.fault or Transient("not connected")
        kind = aiohttp.WSMsgType.BINARY if self._codec.binary else aiohttp.WSMsgType.TEXT
        try:
            await socket.send_frame(self._codec.encode(message), kind)
        except (aiohttp.ClientError, OSError) as error:
            raise Transient(f"the connection broke: {error}") from error
        except (TypeError, ValueError, OverflowError) as error:
            raise Permanent(f"the payload has no form in {self._codec.name}: {error}") from error

    def _break(self, fault: HubError) -> None:
        if self.fault is not None:
            return
        self.fault = fault
        self.broken.set()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(Transient(f"the connection broke before the answer: {fault}"))


def _fault(error: BaseException) -> BaseException:
    """What the core hears of an error; its own errors, and what is not an error at all, stay what they are."""
    match error:
        case ProtocolError():
            return Transient(f"the server's words: {error}")
        case aiohttp.WSServerHandshakeError():
            kind = Transient if error.status >= 500 or error.status in (404, 408, 409, 429) else Permanent
            return kind(f"the server refuses the WebSocket with {error.status}{advice(error.status)}")
        case TimeoutError():
            return Transient("the server did not answer in time")
        case aiohttp.ClientError() | OSError():
            # Of aiohttp's texts some hold the whole address, with what its query says.
            reason = getattr(error, "os_error", None) or type(error).__name__
            return Transient(f"the server cannot be reached: {reason}")
    return error

"""What the instances of a socket adapter say to one another through the backplane: tell all, ask the one who has it.

Invariant: between instances a message arrives at most once. Whoever asks hears an answer, or Transient within bounded
time; what another instance says never ends the hearing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, Protocol

import msgspec

from hub.errors import HubError, Permanent, Transient
from hub.ports import Backplane
from hub.telemetry import get_logger

_log = get_logger("hub.adapters")

_NOBODY_ANSWERS: Final = 3.0
"""Seconds for an instance that has a connection to say so."""


class Local(Protocol):
    """What an adapter does on this instance for the others. A call is in the form in which it gave it to its relay."""

    def has(self, connection: str) -> bool: ...

    async def deliver(self, call: bytes) -> None:
        """To every client of this instance that is meant. Raises HubError."""
        ...

    async def ask(self, connection: str, call: bytes, result: bool, timeout: float) -> bytes | None:
        """Call one client; with `result` wait for what it answers, in seconds, as JSON. Raises HubError."""
        ...


class Told(msgspec.Struct, tag="told"):
    """An instance tells the others: deliver this."""

    origin: str
    call: bytes


class Asked(msgspec.Struct, tag="asked"):
    """An instance asks the one that has a connection to deliver, and to say so."""

    origin: str
    number: int
    connection: str
    call: bytes
    result: bool
    timeout: float


class Found(msgspec.Struct, tag="found"):
    """The answer: it was delivered, or what the client said; `error`: it could not be."""

    number: int
    result: bytes | None = None
    error: str | None = None
    final: bool = False
    """Asking again would meet the same error."""
    delivered: bool = False
    """True: the client was called, and its own answer is still to come."""


_decode: Final = msgspec.msgpack.Decoder(Told | Asked | Found).decode
_encode: Final = msgspec.msgpack.Encoder().encode


class Relay:
    """Of one adapter; start, stop. `timeout`: seconds for a client's answer."""

    def __init__(self, channel: str, instance: str, backplane: Backplane, local: Local, timeout: float) -> None:
        self._channel = channel
        self._own_channel = f"{channel}.{instance}"
        self._instance = instance
        self._backplane = backplane
        self._local = local
        self._timeout = timeout
        self._numbers = 0
        self._answers: dict[int, asyncio.Queue[Found]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await self._backplane.subscribe(self._channel, self._heard)
        await self._backplane.subscribe(self._own_channel, self._heard)

    async def stop(self) -> None:
        await self._backplane.unsubscribe(self._channel)
        await self._backplane.unsubscribe(self._own_channel)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def tell(self, call: bytes) -> None:
        """Let the other instances deliver it. Raises Transient when they cannot be told."""
        await self._backplane.publish(self._channel, _encode(Told(self._instance, call)))

    async def ask(self, connection: str, call: bytes, result: bool) -> Any:
        """Let the instance that has the connection call it; with `result`, what the client answers, else None.

        Raises Transient when none has it or it cannot be heard, and what that instance raises.
        """
        self._numbers += 1
        number = self._numbers
        answers = self._answers[number] = asyncio.Queue()
        asked = Asked(self._instance, number, connection, call, result, self._timeout)
        try:
            await self._backplane.publish(self._channel, _encode(asked))
            async with asyncio.timeout(_NOBODY_ANSWERS):
                found = await answers.get()
            if found.delivered and result:
                async with asyncio.timeout(self._timeout + _NOBODY_ANSWERS):
                    found = await answers.get()
        except TimeoutError:
            raise Transient(
                f"no instance answers for the connection {connection}: it is gone, or its instance cannot be heard"
            ) from None
        finally:
            del self._answers[number]
        if found.error is not None:
            raise Permanent(found.error) if found.final else Transient(found.error)
        return None if found.result is None else msgspec.json.decode(found.result)

    # --- what other instances say -----------------------------------------------------------------------------------

    def _heard(self, message: bytes) -> None:
        """See Backplane.subscribe."""
        try:
            said = _decode(message)
        except msgspec.DecodeError as error:
            _not_understood(error)
            return
        match said:
            case Told() if said.origin != self._instance:
                self._run(self._deliver(said))
            case Asked() if said.origin != self._instance and self._local.has(said.connection):
                self._run(self._answer(said))
            case Found():
                if (answers := self._answers.get(said.number)) is not None:
                    answers.put_nowait(said)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, told: Told) -> None:
        try:
            await self._local.deliver(told.call)
        except msgspec.DecodeError as error:
            _not_understood(error)
        except HubError as error:
            _log.warning("what another instance said could not be delivered", why=str(error)[:200])

    async def _answer(self, asked: Asked) -> None:
        try:
            if asked.result:
                await self._say(asked.origin, Found(asked.number, delivered=True))
            answer = await self._local.ask(asked.connection, asked.call, asked.result, asked.timeout)
        except msgspec.DecodeError as error:
            _not_understood(error)
        except HubError as error:
            await self._say(asked.origin, Found(asked.number, error=str(error), final=isinstance(error, Permanent)))
        else:
            await self._say(asked.origin, Found(asked.number, result=answer, delivered=not asked.result))

    async def _say(self, to: str, found: Found) -> None:
        try:
            await self._backplane.publish(f"{self._channel}.{to}", _encode(found))
        except Transient as error:
            _log.debug("an answer to another instance was lost", why=str(error))


def _not_understood(error: msgspec.DecodeError) -> None:
    _log.warning("another instance was not understood", why=str(error)[:200])

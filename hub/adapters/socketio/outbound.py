"""What the hub sends to clients: of this instance, and through the backplane of the others.

Invariant: `send` returns when every client of this instance that is meant has the message in its queue and the other
instances were told; where one connection is named, when that one has it, or has acknowledged. Others are told first, so
that a try that fails has reached nobody. Between instances a message arrives at most once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import msgspec

from hub.adapters.socketio.address import RESULT_HEADER, Address, Emission, Whom, address_of, emission_of
from hub.adapters.socketio.registry import Connection, Registry
from hub.adapters.socketio.server import Server
from hub.adapters.socketio.settings import Settings
from hub.errors import HubError, Permanent, Transient
from hub.model import Outgoing
from hub.ports import Backplane
from hub.telemetry import get_logger

_log = get_logger("hub.socketio")

_NOBODY_ANSWERS: Final = 3.0
"""Seconds for an instance that has a connection to say so."""


class Told(msgspec.Struct, tag="told"):
    """An instance tells the others: deliver this to a room."""

    origin: str
    room: str
    emission: Emission


class Asked(msgspec.Struct, tag="asked"):
    """An instance asks the one that has a connection to deliver, and to say so."""

    origin: str
    number: int
    connection: str
    emission: Emission
    result: bool
    timeout: float


class Found(msgspec.Struct, tag="found"):
    """The answer: it was delivered, or what the client said; `error`: it could not be."""

    number: int
    result: bytes | None = None
    error: str | None = None
    gone: bool = False
    """The error is final: the connection has ended."""
    delivered: bool = False
    """True: the client was asked, and its own answer is still to come."""


_Said = Told | Asked | Found
_decode: Final = msgspec.msgpack.Decoder(_Said).decode
_encode: Final = msgspec.msgpack.Encoder().encode


class Outbound:
    """Of one adapter; start, stop."""

    def __init__(
        self,
        adapter: str,
        instance: str,
        backplane: Backplane | None,
        server: Server,
        registry: Registry,
        settings: Settings,
    ) -> None:
        self._instance = instance
        self._backplane = backplane
        self._server = server
        self._registry = registry
        self._namespaces = settings.namespaces
        self._timeout = settings.result_timeout
        self._channel = f"socketio.{adapter}"
        self._own_channel = f"{self._channel}.{instance}"
        self._numbers = 0
        self._answers: dict[int, asyncio.Queue[Found]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        if self._backplane is not None:
            await self._backplane.subscribe(self._channel, self._heard)
            await self._backplane.subscribe(self._own_channel, self._heard)

    async def stop(self) -> None:
        if self._backplane is not None:
            await self._backplane.unsubscribe(self._channel)
            await self._backplane.unsubscribe(self._own_channel)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def send(self, message: Outgoing) -> Any:
        """What the client acknowledged if the message asks for it, else None. Raises Transient, Permanent."""
        address = address_of(message.topic)
        if address.namespace not in self._namespaces:
            raise Permanent(f"topic {message.topic!r}: the namespace {address.namespace} is not served")
        emission = emission_of(message, address)
        arguments = emission.arguments()
        result = message.headers.get(RESULT_HEADER, "").lower() == "true"
        if address.whom is Whom.CONNECTION:
            return await self._to_one(address, emission, arguments, result)
        if result:
            raise Permanent(f"{RESULT_HEADER}: an acknowledgement can be asked of one connection only")
        if self._backplane is not None:
            told = Told(self._instance, address.room, emission)
            await self._backplane.publish(self._channel, _encode(told))
        await self._server.tell_room(address.namespace, address.room, address.event, arguments)
        return None

    # --- one connection ---------------------------------------------------------------------------------------------

    async def _to_one(self, address: Address, emission: Emission, arguments: tuple[Any, ...], result: bool) -> Any:
        connection = self._registry.one(address.name)
        if connection is None:
            if self._backplane is None:
                raise Permanent(f"the connection {address.name} is gone")
            return await self._elsewhere(self._backplane, address.name, emission, result)
        if result:
            return await self._ask(connection, emission.event, arguments, self._timeout)
        await self._server.tell(connection, emission.event, arguments)
        return None

    async def _ask(self, connection: Connection, event: str, arguments: tuple[Any, ...], timeout: float) -> Any:
        """One value is itself, several are a list, none is None. Raises Transient, Permanent."""
        number, answer = connection.question()
        try:
            await self._server.tell(connection, event, arguments, number)
            async with asyncio.timeout(timeout):
                values = await answer
        except TimeoutError:
            raise Transient(f"the client did not acknowledge {event!r} within {timeout:g} s") from None
        finally:
            connection.forget(number)
        if values is None:
            raise Permanent(f"the connection {connection.id} ended before it acknowledged {event!r}")
        # An attachment in the answer is base64 in the result.
        values = msgspec.to_builtins(values)
        return values[0] if len(values) == 1 else values or None

    async def _elsewhere(self, backplane: Backplane, connection: str, emission: Emission, result: bool) -> Any:
        self._numbers += 1
        number = self._numbers
        answers = self._answers[number] = asyncio.Queue()
        asked = Asked(self._instance, number, connection, emission, result, self._timeout)
        try:
            await backplane.publish(self._channel, _encode(asked))
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
            raise Permanent(found.error) if found.gone else Transient(found.error)
        return None if found.result is None else msgspec.json.decode(found.result)

    # --- what other instances say -----------------------------------------------------------------------------------

    def _heard(self, message: bytes) -> None:
        """See Backplane.subscribe."""
        try:
            said = _decode(message)
        except msgspec.DecodeError as error:
            _log.warning("another instance was not understood", why=str(error)[:200])
            return
        match said:
            case Told() if said.origin != self._instance:
                self._run(self._deliver(said))
            case Asked() if said.origin != self._instance:
                connection = self._registry.one(said.connection)
                if connection is not None:
                    self._run(self._answer(said, connection))
            case Found():
                if (answers := self._answers.get(said.number)) is not None:
                    answers.put_nowait(said)

    def _run(self, delivery: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(delivery)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, told: Told) -> None:
        emission = told.emission
        try:
            await self._server.tell_room(emission.namespace, told.room, emission.event, emission.arguments())
        except HubError as error:
            _log.warning("what another instance said could not be delivered", why=str(error)[:200])

    async def _answer(self, asked: Asked, connection: Connection) -> None:
        emission = asked.emission
        found = Found(asked.number, delivered=True)
        try:
            arguments = emission.arguments()
            if asked.result:
                await self._say(asked.origin, found)
                result = await self._ask(connection, emission.event, arguments, asked.timeout)
                found = Found(asked.number, result=msgspec.json.encode(result))
            else:
                await self._server.tell(connection, emission.event, arguments)
        except HubError as error:
            found = Found(asked.number, error=str(error), gone=isinstance(error, Permanent))
        await self._say(asked.origin, found)

    async def _say(self, to: str, found: Found) -> None:
        if self._backplane is None:
            return
        try:
            await self._backplane.publish(f"{self._channel}.{to}", _encode(found))
        except Transient as error:
            _log.debug("an answer to another instance was lost", why=str(error))

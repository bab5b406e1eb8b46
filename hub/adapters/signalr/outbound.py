"""What the hub sends to clients: of this instance, and through the backplane of the others.

Invariant: `send` returns when every client of this instance that is meant has the message in its queue and the other
instances were told; where one connection is named, when that one has it, or has answered. Others are told first, so
that a try that fails has reached nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from hub.adapters.signalr.address import RESULT_HEADER, Address, Whom, address_of, arguments_of
from hub.adapters.signalr.connection import Connection
from hub.adapters.signalr.messages import Completion, Invocation, as_json, plain
from hub.adapters.signalr.registry import Registry
from hub.errors import HubError, Permanent, Transient
from hub.model import Outgoing
from hub.ports import Backplane
from hub.telemetry import get_logger

_log = get_logger("hub.signalr")

_NOBODY_ANSWERS: Final = 3.0
"""Seconds for an instance that has a connection to say so."""


class Told(msgspec.Struct, tag="told"):
    """An instance tells the others: deliver this."""

    origin: str
    whom: str
    name: str
    call: bytes
    """A MessagePack array: method, arguments."""


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
    delivered: bool = False
    """True: the client was called, and its own answer is still to come."""


_Said = Told | Asked | Found
_decode: Final = msgspec.msgpack.Decoder(_Said).decode
_encode: Final = msgspec.msgpack.Encoder().encode


class Outbound:
    """Of one adapter; start, stop."""

    def __init__(
        self, adapter: str, instance: str, registry: Registry, backplane: Backplane | None, result_timeout: float
    ) -> None:
        self._instance = instance
        self._registry = registry
        self._backplane = backplane
        self._timeout = result_timeout
        self._channel = f"signalr.{adapter}"
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
        """What the client answered if the message asks for it, else None. Raises Transient, Permanent."""
        address, arguments = address_of(message.topic), arguments_of(message)
        result = message.headers.get(RESULT_HEADER, "").lower() == "true"
        if address.whom is Whom.CONNECTION:
            return await self._to_one(address, arguments, result)
        if result:
            raise Permanent(f"{RESULT_HEADER}: a result can be asked of one connection only")
        call = Invocation(target=address.method, arguments=arguments)
        if self._backplane is not None:
            told = Told(self._instance, address.whom, address.name, _packed(address.method, arguments))
            await self._backplane.publish(self._channel, _encode(told))
        _deliver(self._meant(address.whom, address.name), call)
        return None

    def _meant(self, whom: str, name: str) -> Iterable[Connection]:
        match whom:
            case Whom.GROUP:
                return self._registry.group(name)
            case Whom.USER:
                return self._registry.user(name)
        return self._registry.all()

    # --- one connection ---------------------------------------------------------------------------------------------

    async def _to_one(self, address: Address, arguments: list[Any], result: bool) -> Any:
        connection = self._registry.one(address.name)
        if connection is not None:
            if not result:
                _deliver([connection], Invocation(target=address.method, arguments=arguments))
                return None
            return plain(await self._asked(connection, address.method, arguments, self._timeout))
        if self._backplane is None:
            raise Permanent(f"the connection {address.name} is gone")
        return await self._elsewhere(self._backplane, address, arguments, result)

    async def _asked(self, connection: Connection, method: str, arguments: list[Any], timeout: float) -> Any:
        """What the client answers; None for nothing. Raises Transient, Permanent."""
        try:
            answer = await connection.calls.ask(method, arguments, timeout)
        except TimeoutError:
            raise Transient(f"the client did not answer {method!r} within {timeout:g} s") from None
        if answer is None:
            raise Permanent(f"the connection {connection.id} ended before it answered {method!r}")
        return _result(answer, method)

    async def _elsewhere(self, backplane: Backplane, address: Address, arguments: list[Any], result: bool) -> Any:
        self._numbers += 1
        number = self._numbers
        answers = self._answers[number] = asyncio.Queue()
        call = _packed(address.method, arguments)
        asked = Asked(self._instance, number, address.name, call, result, self._timeout)
        try:
            await backplane.publish(self._channel, _encode(asked))
            async with asyncio.timeout(_NOBODY_ANSWERS):
                found = await answers.get()
            if found.delivered and result:
                async with asyncio.timeout(self._timeout + _NOBODY_ANSWERS):
                    found = await answers.get()
        except TimeoutError:
            raise Transient(
                f"no instance answers for the connection {address.name}: it is gone, or its instance cannot be heard"
            ) from None
        finally:
            del self._answers[number]
        if found.error is not None:
            raise Transient(found.error)
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
            case Told():
                if said.origin != self._instance:
                    _deliver(self._meant(said.whom, said.name), _unpacked(said.call))
            case Asked():
                connection = self._registry.one(said.connection)
                if connection is not None and said.origin != self._instance:
                    task = asyncio.get_running_loop().create_task(self._answer(said, connection))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
            case Found():
                if (answers := self._answers.get(said.number)) is not None:
                    answers.put_nowait(said)

    async def _answer(self, asked: Asked, connection: Connection) -> None:
        call = _unpacked(asked.call)
        found = Found(asked.number, delivered=True)
        try:
            if asked.result:
                await self._say(asked.origin, found)
                result = await self._asked(connection, call.target, list(call.arguments), asked.timeout)
                found = Found(asked.number, result=None if result is None else as_json(result))
            else:
                _deliver([connection], call)
        except HubError as error:
            found = Found(asked.number, error=str(error))
        await self._say(asked.origin, found)

    async def _say(self, to: str, found: Found) -> None:
        if self._backplane is None:
            return
        try:
            await self._backplane.publish(f"{self._channel}.{to}", _encode(found))
        except Transient as error:
            _log.debug("an answer to another instance was lost", why=str(error))


def _deliver(connections: Iterable[Connection], call: Invocation) -> None:
    """Put the call into each one's queue, encoded once a protocol. Raises Permanent for what has no form in one."""
    encoded: dict[str, bytes] = {}
    for connection in list(connections):
        codec = connection.codec
        if codec is None:
            continue
        message = encoded.get(codec.name)
        if message is None:
            try:
                message = encoded[codec.name] = codec.encode(call)
            except (TypeError, ValueError, OverflowError) as error:
                raise Permanent(f"the payload has no form in {codec.name}: {error}") from error
        connection.send_encoded(message)


def _result(answer: Completion, method: str) -> Any:
    if answer.error is not None:
        # An answer all the same: asking again would run the client's handler again.
        raise Permanent(f"the client answered {method!r} with an error: {answer.error[:500]}")
    return None if answer.result is msgspec.UNSET else answer.result


def _packed(method: str, arguments: list[Any]) -> bytes:
    return _encode([method, msgspec.json.encode(arguments)])


def _unpacked(call: bytes) -> Invocation:
    method, arguments = msgspec.msgpack.decode(call, type=tuple[str, bytes])
    return Invocation(target=method, arguments=msgspec.json.decode(arguments))

"""What the hub sends to clients: of this instance, and through the backplane of the others.

Invariant: `send` returns when every client of this instance that is meant has the message in its queue and the other
instances were told; where one connection is named, when that one has it, or has acknowledged. Others are told first, so
that a try that fails has reached nobody.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec

from hub.adapters.relay import Relay
from hub.adapters.socketio.address import RESULT_HEADER, Address, Emission, address_of, emission_of
from hub.adapters.socketio.registry import Connection, Registry
from hub.adapters.socketio.server import Server
from hub.adapters.socketio.settings import Settings
from hub.adapters.whom import Whom
from hub.errors import Permanent, Transient
from hub.model import Outgoing
from hub.ports import Backplane


class Call(msgspec.Struct, frozen=True):
    """What another instance is told to deliver; `room` is empty for one connection."""

    room: str
    emission: Emission


_decode: Final = msgspec.msgpack.Decoder(Call).decode
_encode: Final = msgspec.msgpack.Encoder().encode


class Outbound:
    """Of one adapter; start, stop. To the relay it is what delivers here: see hub.adapters.relay.Local."""

    def __init__(
        self,
        adapter: str,
        instance: str,
        backplane: Backplane | None,
        server: Server,
        registry: Registry,
        settings: Settings,
    ) -> None:
        self._server = server
        self._registry = registry
        self._namespaces = settings.namespaces
        self._timeout = timeout = settings.result_timeout
        self._relay = (
            Relay(f"socketio.{adapter}", instance, backplane, self, timeout) if backplane is not None else None
        )

    async def start(self) -> None:
        if self._relay is not None:
            await self._relay.start()

    async def stop(self) -> None:
        if self._relay is not None:
            await self._relay.stop()

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
        if self._relay is not None:
            await self._relay.tell(_encode(Call(address.room, emission)))
        await self._server.tell_room(address.namespace, address.room, address.event, arguments)
        return None

    async def _to_one(self, address: Address, emission: Emission, arguments: tuple[Any, ...], result: bool) -> Any:
        connection = self._registry.one(address.name)
        if connection is None:
            if self._relay is None:
                raise _gone(address.name)
            return await self._relay.ask(address.name, _encode(Call("", emission)), result)
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

    # --- for other instances ----------------------------------------------------------------------------------------

    def has(self, connection: str) -> bool:
        return self._registry.one(connection) is not None

    async def deliver(self, call: bytes) -> None:
        told = _decode(call)
        emission = told.emission
        await self._server.tell_room(emission.namespace, told.room, emission.event, emission.arguments())

    async def ask(self, connection: str, call: bytes, result: bool, timeout: float) -> bytes | None:
        emission = _decode(call).emission
        arguments = emission.arguments()
        found = self._registry.one(connection)
        if found is None:
            raise _gone(connection)
        if result:
            return msgspec.json.encode(await self._ask(found, emission.event, arguments, timeout))
        await self._server.tell(found, emission.event, arguments)
        return None


def _gone(connection: str) -> Permanent:
    return Permanent(f"the connection {connection} is gone")

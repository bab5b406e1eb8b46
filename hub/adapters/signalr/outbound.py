"""What the hub sends to clients: of this instance, and through the backplane of the others.

Invariant: `send` returns when every client of this instance that is meant has the message in its queue and the other
instances were told; where one connection is named, when that one has it, or has answered. Others are told first, so
that a try that fails has reached nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from hub.adapters.arguments import Payload
from hub.adapters.relay import Relay
from hub.adapters.signalr.address import (
    ARGUMENTS_HEADER,
    RESULT_HEADER,
    Address,
    address_of,
    payload_of,
)
from hub.adapters.signalr.connection import Connection
from hub.adapters.signalr.messages import Completion, Invocation, ProtocolError, as_json, plain
from hub.adapters.signalr.registry import Registry
from hub.adapters.whom import Whom
from hub.errors import Permanent, Transient
from hub.model import Outgoing
from hub.ports import Backplane


class Call(msgspec.Struct, frozen=True):
    """What another instance is told to deliver."""

    address: Address
    payload: Payload

    def invocation(self) -> Invocation:
        """Raises Permanent."""
        return Invocation(target=self.address.method, arguments=self.payload.arguments(ARGUMENTS_HEADER))


_decode: Final = msgspec.msgpack.Decoder(Call).decode
_encode: Final = msgspec.msgpack.Encoder().encode


class Outbound:
    """Of one adapter; start, stop. To the relay it is what delivers here: see hub.adapters.relay.Local."""

    def __init__(
        self, adapter: str, instance: str, registry: Registry, backplane: Backplane | None, result_timeout: float
    ) -> None:
        self._registry = registry
        self._timeout = result_timeout
        self._relay = (
            Relay(f"signalr.{adapter}", instance, backplane, self, result_timeout) if backplane is not None else None
        )

    async def start(self) -> None:
        if self._relay is not None:
            await self._relay.start()

    async def stop(self) -> None:
        if self._relay is not None:
            await self._relay.stop()

    async def send(self, message: Outgoing) -> Any:
        """What the client answered if the message asks for it, else None. Raises Transient, Permanent."""
        call = Call(address_of(message.topic), payload_of(message))
        invocation = call.invocation()
        result = message.headers.get(RESULT_HEADER, "").lower() == "true"
        if call.address.whom is Whom.CONNECTION:
            return await self._to_one(call, invocation, result)
        if result:
            raise Permanent(f"{RESULT_HEADER}: a result can be asked of one connection only")
        if self._relay is not None:
            await self._relay.tell(_encode(call))
        _deliver(self._meant(call.address), invocation)
        return None

    async def _to_one(self, call: Call, invocation: Invocation, result: bool) -> Any:
        connection = self._registry.one(call.address.name)
        if connection is not None:
            if result:
                return plain(await self._asked(connection, invocation, self._timeout))
            _deliver([connection], invocation)
            return None
        if self._relay is None:
            raise _gone(call.address.name)
        return await self._relay.ask(call.address.name, _encode(call), result)

    async def _asked(self, connection: Connection, call: Invocation, timeout: float) -> Any:
        """What the client answers; None for nothing. Raises Transient, Permanent."""
        try:
            answer = await connection.calls.ask(call.target, list(call.arguments), timeout)
        except TimeoutError:
            raise Transient(f"the client did not answer {call.target!r} within {timeout:g} s") from None
        if answer is None:
            raise Permanent(f"the connection {connection.id} ended before it answered {call.target!r}")
        return _result(answer, call.target)

    def _meant(self, address: Address) -> Iterable[Connection]:
        match address.whom:
            case Whom.GROUP:
                return self._registry.group(address.name)
            case Whom.USER:
                return self._registry.user(address.name)
        return self._registry.all()

    # --- for other instances ----------------------------------------------------------------------------------------

    def has(self, connection: str) -> bool:
        return self._registry.one(connection) is not None

    async def deliver(self, call: bytes) -> None:
        told = _decode(call)
        _deliver(self._meant(told.address), told.invocation())

    async def ask(self, connection: str, call: bytes, result: bool, timeout: float) -> bytes | None:
        invocation = _decode(call).invocation()
        found = self._registry.one(connection)
        if found is None:
            raise _gone(connection)
        if not result:
            _deliver([found], invocation)
            return None
        answer = await self._asked(found, invocation, timeout)
        try:
            return as_json(answer)
        except ProtocolError as error:
            raise Permanent(f"what the client answered has no form in JSON: {error}") from error


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


def _gone(connection: str) -> Permanent:
    return Permanent(f"the connection {connection} is gone")

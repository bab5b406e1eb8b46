"""The adapter: what the server calls at the hub is read, what the hub sends is invoked at the server.

Invariant: what was read and neither acknowledged nor released is next again, on whatever connection. Sending has a
connection of its own where this instance does not read.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from hub.adapters.signalr.address import ARGUMENTS_HEADER, arguments_of
from hub.adapters.signalr.messages import Completion, Invocation, ProtocolError, as_json, plain
from hub.adapters.signalr_client.session import Session
from hub.adapters.signalr_client.settings import Settings, settings_of
from hub.errors import Transient
from hub.model import Message, Outgoing
from hub.ports import Context, Delivery, Features
from hub.telemetry import get_logger

_log = get_logger("hub.adapters.signalr_client")

_DELIVERY: Final = 100
"""Messages that are read at once."""


class _Call(msgspec.Struct, frozen=True):
    """A call of the server's, as the core's message; `id` when the server waits for its end."""

    message: Message
    id: str | None
    session: Session


class SignalRClientAdapter:
    """See hub.ports: Source and Sink."""

    def __init__(self, name: str, settings: Settings, context: Context) -> None:
        self.name = name
        self._settings = settings
        self._clock = context.clock
        self._reading: Session | None = None
        self._sending: Session | None = None
        self._opening = asyncio.Lock()
        self._wanted: Callable[[str], str | None] | None = None
        self._early: deque[tuple[Invocation, Session]] = deque(maxlen=settings.inbox)
        """Calls from before the core has said what it wants."""
        self._inbox: deque[_Call] = deque()
        self._in_hand: Sequence[_Call] = ()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()

    @property
    def features(self) -> Features:
        return Features(ordering=True, exclusive=self._settings.exclusive)

    # --- its life ---------------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        session = Session(self._settings, self._heard, self._clock)
        self._reading = session
        await session.open()

    async def close(self) -> None:
        self._give_back()
        for session in (self._reading, self._sending):
            if session is not None:
                await session.close()
        self._reading = self._sending = None

    async def check(self) -> None:
        self._connected().check()

    def lag(self) -> Mapping[str, int]:
        return {}

    # --- in ---------------------------------------------------------------------------------------------------------

    async def subscribe(self, topics: Sequence[str]) -> None:
        self._connected()
        self._wanted = _spelled(topics)
        while self._early:
            call, session = self._early.popleft()
            if (end := self._admit(call, session, self._wanted)) is not None:
                await self._answer(session, end)

    async def read(self) -> Delivery:
        self._give_back()
        session = self._connected()
        while not self._inbox:
            session.check()
            self._changed.clear()
            changed = asyncio.ensure_future(self._changed.wait())
            broken = asyncio.ensure_future(session.broken.wait())
            try:
                await asyncio.wait((changed, broken), return_when=asyncio.FIRST_COMPLETED)
            finally:
                changed.cancel()
                broken.cancel()
        taken = [self._inbox.popleft() for _ in range(min(_DELIVERY, len(self._inbox)))]
        self._in_hand = taken
        self._room.set()
        return Delivery([call.message for call in taken], taken)

    async def acknowledge(self, delivery: Delivery) -> None:
        self._in_hand = ()
        for call in delivery.token:
            if call.id is not None:
                await self._answer(call.session, Completion(call.id, result={"accepted": True}))

    async def release(self, delivery: Delivery, position: int | None = None) -> None:
        self._give_back()

    def _give_back(self) -> None:
        """What is in hand is next again."""
        taken, self._in_hand = self._in_hand, ()
        self._inbox.extendleft(reversed(taken))
        if taken:
            self._changed.set()

    async def _heard(self, call: Invocation) -> None:
        """See Session: a call of the server's."""
        session = self._connected()
        if self._wanted is None:
            self._early.append((call, session))
            return
        while len(self._inbox) >= self._settings.inbox:
            self._room.clear()
            await self._room.wait()
        if (end := self._admit(call, session, self._wanted)) is not None:
            await self._answer(session, end)

    def _admit(self, call: Invocation, session: Session, wanted: Callable[[str], str | None]) -> Completion | None:
        """Put a call into the inbox; or the end of one that does not belong there, if its server waits for that."""
        topic = wanted(call.target)
        if topic is None:
            why = f"No route reads '{call.target}'."
        else:
            try:
                self._inbox.append(_Call(self._message(call, topic), call.invocation_id, session))
            except ProtocolError as error:
                why = str(error)
                _log.warning("a call was not understood", adapter=self.name, target=call.target[:100], why=why[:300])
            else:
                self._changed.set()
                return None
        return None if call.invocation_id is None else Completion(call.invocation_id, error=why)

    def _message(self, call: Invocation, topic: str) -> Message:
        arguments = call.arguments
        body = as_json(arguments[0]) if len(arguments) == 1 else b"[" + b",".join(map(as_json, arguments)) + b"]"
        return Message(
            adapter=self.name,
            protocol="signalr-client",
            method="invoke",
            topic=topic,
            body=body,
            headers={**call.headers, ARGUMENTS_HEADER: str(len(arguments))},
            content_type="application/json",
        )

    async def _answer(self, session: Session, end: Completion) -> None:
        try:
            await session.answer(end)
        except Transient as error:
            # The server has given up on its call with the connection.
            _log.debug("an answer was lost", adapter=self.name, why=str(error))

    # --- out --------------------------------------------------------------------------------------------------------

    async def send(self, message: Outgoing) -> Any:
        """Invoke the method that the topic names; what it answers is the receipt. See Sink."""
        session = await self._sender()
        return plain(await session.invoke(message.topic, arguments_of(message)))

    async def _sender(self) -> Session:
        """The connection that reads, else one of its own."""
        if self._reading is not None and self._reading.fault is None:
            return self._reading
        async with self._opening:
            if self._sending is None or self._sending.fault is not None:
                if self._sending is not None:
                    await self._sending.close()
                session = Session(self._settings, self._deaf, self._clock)
                await session.open()
                self._sending = session
            return self._sending

    async def _deaf(self, call: Invocation) -> None:
        """Another instance reads: what the server calls here, it calls there."""

    def _connected(self) -> Session:
        if self._reading is None:
            raise Transient("not connected")
        return self._reading


def _spelled(topics: Sequence[str]) -> Callable[[str], str | None]:
    """How the routes spell a target, None for one that none reads: names of client methods know no case."""
    names = {topic.lower(): topic for topic in topics if "*" not in topic}
    patterns = [re.compile(".*".join(map(re.escape, topic.split("*"))), re.DOTALL) for topic in topics if "*" in topic]

    def spelled(target: str) -> str | None:
        found = names.get(target.lower())
        if found is None and any(pattern.fullmatch(target) for pattern in patterns):
            return target
        return found

    return spelled


def make(name: str, settings: Mapping[str, Any], context: Context) -> SignalRClientAdapter:
    """The factory behind the entry point `signalr-client`."""
    return SignalRClientAdapter(name, settings_of(name, settings), context)

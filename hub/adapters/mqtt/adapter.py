"""The adapter: a session that is read and acknowledged, and a sender beside it.

Invariant: a message is acknowledged after the core has said that it is durable, in the order of receipt, and on the
connection that brought it. MQTT knows no negative acknowledgement: what is not acknowledged comes again with the next
connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
from paho.mqtt.reasoncodes import ReasonCode

from hub.adapters.mqtt import refusals
from hub.adapters.mqtt.connection import ANSWER_TIMEOUT, Answer, Connection
from hub.adapters.mqtt.filters import SHARE, Filters, candidates, essential, shared
from hub.adapters.mqtt.identity import Place, sender_id
from hub.adapters.mqtt.inbox import Inbox
from hub.adapters.mqtt.packets import Arrived
from hub.adapters.mqtt.sending import Sender
from hub.adapters.mqtt.settings import Announcement, MqttSettings
from hub.errors import HubError, Transient
from hub.model import Message, Outgoing
from hub.ports import Context, Delivery, Features
from hub.telemetry import get_logger

_log = get_logger("hub.adapters.mqtt")

_CHUNK = 100
"""Topic filters in one packet."""


class _Session(msgspec.Struct):
    """A connection that reads, and what was asked of it. `wanted` is None until the core has named its topics."""

    connection: Connection
    inbox: Inbox
    granted: set[str]
    wanted: Filters | None = None
    strays: set[str] = msgspec.field(default_factory=set)


class _Token(msgspec.Struct, frozen=True):
    """What was taken out of a session's inbox, those messages included that the core does not see."""

    session: _Session
    taken: Sequence[Arrived]


class MqttAdapter:
    """See hub.ports: Source and Sink."""

    def __init__(self, name: str, settings: MqttSettings, context: Context) -> None:
        self.name = name
        self._settings = settings
        self._place = Place(settings.client_id, settings.url) if settings.share else None
        self._sender = Sender(name, settings, sender_id(settings.client_id, name, context.instance))
        self._session: _Session | None = None
        self._remembered: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._was_connected = False

    @property
    def features(self) -> Features:
        settings = self._settings
        return Features(
            ordering=not settings.share,
            redelivery=settings.qos > 0 and settings.expiry_seconds > 0,
            headers=settings.five,
            exclusive=not settings.share,
        )

    # --- its life ---------------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        settings = self._settings
        inbox = Inbox(settings.receive_maximum)
        connection = Connection(settings, self._client_id(), lambda arrived: _receive(connection, inbox, arrived))
        connection.on_lost = inbox.changed.set
        granted = await connection.open()
        # MQTT 3.1.1 sends retained messages at each SUBSCRIBE: what the session still has is not subscribed again.
        known = self._remembered if granted.session_present and not settings.five else set()
        if not granted.session_present and self._was_connected and settings.expiry_seconds > 0:
            _log.warning("the broker has forgotten the session: what came meanwhile is lost", adapter=self.name)
        self._was_connected = True
        self._session = _Session(connection, inbox, set(known))
        if settings.birth is not None:
            try:
                await self._announce(self._session, settings.birth)
            except BaseException:
                await self.close()
                raise

    async def close(self) -> None:
        session, self._session = self._session, None
        for task in self._tasks:
            task.cancel()
        if session is not None:
            self._remembered = session.granted
            self._say_goodbye(session.connection)
            await session.connection.close()
        if self._place is not None:
            self._place.leave()
        await self._sender.close()

    async def check(self) -> None:
        self._connected().connection.check()

    def lag(self) -> Mapping[str, int]:
        return {}

    # --- in ---------------------------------------------------------------------------------------------------------

    async def subscribe(self, topics: Sequence[str]) -> None:
        session, settings = self._connected(), self._settings
        wanted = essential(shared(topics, settings.group) if settings.share else topics)
        session.wanted = Filters(wanted)
        for chunk in _chunks([one for one in wanted if one not in session.granted]):
            answer = session.connection.subscribe(chunk)
            answer.add_done_callback(partial(self._judge, session, chunk))
            for one, reason in zip(chunk, await self._answered(session, answer), strict=False):
                if reason.is_failure:
                    raise refusals.subscribing(reason, one, settings)
        # Last, so that no message falls between two filters that both match it.
        for chunk in _chunks(sorted(session.granted.difference(wanted))):
            await self._answered(session, session.connection.unsubscribe(chunk))
            session.granted.difference_update(chunk)

    async def read(self) -> Delivery:
        while True:
            session = self._connected()
            await session.inbox.changed.wait()
            if session.connection.fault is not None:
                raise Transient(str(session.connection.fault))
            taken = session.inbox.take()
            token = _Token(session, taken)
            if messages := [self._message(one) for one in taken if self._is_wanted(session, one)]:
                return Delivery(messages, token)
            self._acknowledge(token)

    async def acknowledge(self, delivery: Delivery) -> None:
        self._acknowledge(delivery.token)

    async def release(self, delivery: Delivery, position: int | None = None) -> None:
        """The messages are next again, on the same connection if it lives: the broker knows nothing of them being
        here but that they are not acknowledged."""
        token: _Token = delivery.token
        if token.session is self._session and token.session.connection.fault is None:
            token.session.inbox.give_back(token.taken)

    # --- out --------------------------------------------------------------------------------------------------------

    async def send(self, message: Outgoing) -> None:
        await self._sender.send(message)

    # --- what the broker answers ------------------------------------------------------------------------------------

    async def _answered(self, session: _Session, answer: Answer) -> list[ReasonCode]:
        """The answer, if it comes before so many messages of the session that no more is read; else nothing. Raises
        Transient."""
        full = asyncio.ensure_future(session.inbox.filled.wait())
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await asyncio.wait((answer, full), return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError as error:
            raise Transient(f"{self._settings.address.text} has not answered for {ANSWER_TIMEOUT:.0f} s") from error
        finally:
            full.cancel()
        return answer.result() if answer.done() else []

    def _judge(self, session: _Session, filters: Sequence[str], answer: Answer) -> None:
        """Remember what was granted. A refusal that comes late, behind messages, ends the connection."""
        if answer.cancelled() or answer.exception() is not None:
            return
        for one, reason in zip(filters, answer.result(), strict=False):
            if reason.is_failure:
                session.connection.abort(str(refusals.subscribing(reason, one, self._settings)))
                return
            session.granted.add(one)

    async def _announce(self, session: _Session, message: Announcement) -> None:
        """Raises as `connect` does."""
        body = message.payload.encode()
        receipt = session.connection.publish(message.topic, body, message.qos, message.retain)
        for reason in await self._answered(session, receipt):
            if reason.is_failure:
                raise refusals.publishing(reason, message.topic, self._settings)

    # --- the rest ---------------------------------------------------------------------------------------------------

    def _client_id(self) -> str:
        if self._place is None:
            return self._settings.client_id
        try:
            return self._place.take()
        except OSError as error:
            raise Transient(f"no place among the hubs that share {self._settings.client_id!r}: {error}") from error

    def _connected(self) -> _Session:
        if self._session is None:
            raise Transient(f"{self.name} is not connected")
        if self._session.connection.fault is not None:
            raise Transient(str(self._session.connection.fault))
        return self._session

    def _acknowledge(self, token: _Token) -> None:
        session = token.session
        if session is not self._session:
            raise Transient("the connection that brought these messages is over; they come again")
        session.connection.acknowledge([one.mid for one in token.taken if one.qos])
        session.inbox.done(token.taken)
        if not session.inbox.full:
            session.connection.resume()

    def _message(self, arrived: Arrived) -> Message:
        return Message(
            adapter=self.name,
            protocol="mqtt",
            body=arrived.body,
            topic=arrived.topic,
            method="receive",
            headers=arrived.headers,
            content_type=arrived.content_type,
        )

    def _is_wanted(self, session: _Session, arrived: Arrived) -> bool:
        """Not wanted: what the broker had retained, where the settings say so. A stray message is: the hub shows what
        no route takes."""
        if session.wanted is not None and not session.wanted.match(arrived.topic):
            self._end_stray(session, arrived.topic)
        return not arrived.retained or self._settings.retained

    def _end_stray(self, session: _Session, topic: str) -> None:
        """End the subscription of an earlier configuration that must have brought a message of this topic."""
        if topic in session.strays or len(session.strays) >= _CHUNK:
            return
        session.strays.add(topic)
        task = asyncio.get_running_loop().create_task(self._unsubscribe_strays(session, topic))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _unsubscribe_strays(self, session: _Session, topic: str) -> None:
        group = self._settings.group
        filters = [f"{SHARE}{group}/{one}" if self._settings.share else one for one in candidates(topic)]
        ended: list[str] = []
        try:
            for chunk in _chunks(filters):
                reasons = await session.connection.unsubscribe(chunk)
                ended += [one for one, reason in zip(chunk, reasons, strict=False) if reason.value == 0]
        except Transient:
            return  # the next stray message begins again
        if ended:
            _log.warning("a subscription of an earlier configuration was ended", adapter=self.name, filters=ended)

    def _say_goodbye(self, connection: Connection) -> None:
        """The broker sends the will of those only that vanish; who leaves in order sends it himself. Written before
        the connection closes; nobody waits for the receipt."""
        will = self._settings.will
        if will is None or connection.fault is not None:
            return
        try:
            connection.publish(will.topic, will.payload.encode(), will.qos, will.retain)
        except HubError as error:
            _log.warning("the last message was not sent", adapter=self.name, error=str(error))


def _receive(connection: Connection, inbox: Inbox, arrived: Arrived) -> None:
    inbox.put(arrived)
    if inbox.full:
        connection.pause()


def _chunks(filters: Sequence[str]) -> list[list[str]]:
    return [list(filters[at : at + _CHUNK]) for at in range(0, len(filters), _CHUNK)]

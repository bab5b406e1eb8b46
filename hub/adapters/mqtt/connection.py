"""One connection to a broker, from CONNECT to its end, on the hub's own loop.

Invariant: a connection is used once. When it is lost its `fault` is set, everything that waited for an answer of it
fails, and the next one is another object: so packet ids, which brokers use again, are never taken for those of before.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any

import msgspec
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import ConnectFlags, DisconnectFlags, MQTTMessageInfo
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from hub.adapters.mqtt import refusals
from hub.adapters.mqtt.client import Receive, dial, make_client, shut
from hub.adapters.mqtt.packets import Arrived
from hub.adapters.mqtt.settings import MqttSettings
from hub.adapters.mqtt.wire import Wire
from hub.errors import HubError, Permanent, Transient

CONNECT_TIMEOUT = 10.0
ANSWER_TIMEOUT = 30.0
CLOSE_TIMEOUT = 2.0

Answer = asyncio.Future[list[ReasonCode]]
"""The broker's reason codes; fails with Transient when the connection is lost before they come."""


class Granted(msgspec.Struct, frozen=True):
    """What the broker said on connecting: whether it still had the session, and what it takes from us."""

    session_present: bool
    receive_maximum: int
    maximum_packet: int | None


class Connection:
    """`receive` gets each message as it comes; without it, the connection is one to send by, with no session."""

    def __init__(self, settings: MqttSettings, client_id: str, receive: Receive | None = None) -> None:
        self.client_id = client_id
        self.fault: Transient | None = None
        self.on_lost: Callable[[], None] = lambda: None
        self._settings = settings
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, Answer] = {}
        self._granted: asyncio.Future[Granted] = self._loop.create_future()
        self._client = make_client(settings, client_id, session=receive is not None)
        self._wire = Wire(self._client, self._over, self._lose)
        self._listen()

    # --- its life ---------------------------------------------------------------------------------------------------

    async def open(self) -> Granted:
        """Connect, and wait for the broker's consent. Raises Transient and Permanent; nothing is left open then."""
        try:
            await dial(self._client, self._settings, CONNECT_TIMEOUT, session=self._receive is not None)
            if not self._wire.attach():
                raise refusals.unanswered(self._settings)
            async with asyncio.timeout(CONNECT_TIMEOUT):
                return await self._granted
        except TimeoutError as error:
            raise self._ended(refusals.unreachable(error, self._settings)) from error
        except HubError:
            self._lose("refused")
            raise
        except asyncio.CancelledError:
            self._lose("cancelled")
            raise

    async def settled(self) -> None:
        """Wait a moment for answers that are still to come. Raises nothing."""
        if answers := list(self._waiting.values()):
            await asyncio.wait(answers, timeout=CLOSE_TIMEOUT)

    async def close(self) -> None:
        """Say good-bye after all that is still to be written, as far as that goes in a moment. Raises nothing."""
        if self.fault is not None:
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._wire.farewell()
        except (OSError, TimeoutError):
            pass  # it is gone, or will not read; either way there is nobody to say good-bye to
        finally:
            self._lose("closed")

    def abort(self, why: str) -> None:
        """Drop the connection as a crash would."""
        self._lose(why)

    # --- talk -------------------------------------------------------------------------------------------------------

    def subscribe(self, filters: list[str]) -> Answer:
        """One code for each filter. Raises Transient, and Permanent for a filter that is none."""
        self._must_live()
        settings = self._settings
        try:
            if settings.five:
                # 1: retained messages come once, with a new subscription, and not at every reconnection.
                options = SubscribeOptions(qos=settings.qos, retainHandling=1 if settings.retained else 2)
                _, mid = self._client.subscribe([(one, options) for one in filters])
            else:
                _, mid = self._client.subscribe([(one, int(settings.qos)) for one in filters])
        except ValueError as error:
            raise Permanent(f"one of the topics {', '.join(map(repr, filters))} is no topic filter: {error}") from error
        return self._expect(mid)

    def unsubscribe(self, filters: list[str]) -> Answer:
        """One code for each filter in MQTT 5, none before. Raises Transient."""
        self._must_live()
        _, mid = self._client.unsubscribe(filters)
        return self._expect(mid)

    def publish(self, topic: str, body: bytes, qos: int, retain: bool, properties: Properties | None = None) -> Answer:
        """The answer is the broker's PUBACK; with QoS 0, that it was written to the socket. Raises Permanent for what
        is no message. paho's own word on it (`rc`) is no answer: it also queues what it says it could not send."""
        self._must_live()
        try:
            info: MQTTMessageInfo = self._client.publish(topic, body, qos, retain, properties)
        except (ValueError, struct.error) as error:  # a wildcard, a text or a payload that is too long
            raise Permanent(f"the message to {topic[:200]!r} is none that MQTT can carry: {error}") from error
        if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            raise Transient("too many messages wait for the broker's receipt")
        return self._expect(info.mid)

    def acknowledge(self, mids: list[int]) -> None:
        """PUBACK, in this order. Raises Transient."""
        self._must_live()
        for mid in mids:
            self._client.ack(mid, 1)

    def check(self) -> None:
        """Raises Transient when the connection is lost, or the broker silent for longer than `keepalive`."""
        self._must_live()
        silent = self._loop.time() - self._wire.heard
        if not self._wire.paused and silent > self._client.keepalive:
            raise self._ended(Transient(f"nothing heard from {self._settings.address.text} for {silent:.0f} s"))
        self._wire.ping()

    # --- back-pressure ----------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Read nothing more for now; the broker is told that we live all the same."""
        self._wire.pause()

    def resume(self) -> None:
        self._wire.resume()

    # --- paho's side ------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        client, wire = self._client, self._wire
        client.receive = self._received
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = client.on_unsubscribe = self._on_answer
        client.on_socket_close = lambda *_: wire.detach()
        client.on_socket_register_write = lambda *_: wire.want_write(True)
        client.on_socket_unregister_write = lambda *_: wire.want_write(False)

    def _on_connect(self, _: PahoClient, __: Any, flags: ConnectFlags, reason: ReasonCode, said: Any) -> None:
        self._wire.progress += 1
        if self._granted.done():
            return
        if reason.is_failure:
            self._granted.set_exception(refusals.connecting(reason, self._settings, self.client_id))
            return
        self._wire.greeted = True
        maximum = getattr(said, "ReceiveMaximum", 65_535)
        self._granted.set_result(Granted(flags.session_present, maximum, getattr(said, "MaximumPacketSize", None)))

    def _on_disconnect(self, _: PahoClient, __: Any, flags: DisconnectFlags, reason: ReasonCode, ___: Any) -> None:
        said = flags.is_disconnect_packet_from_server
        self._ended(refusals.ended(reason, said, self._settings, self.client_id))

    def _on_publish(self, _: PahoClient, __: Any, mid: int, reason: ReasonCode, ___: Any) -> None:
        self._answered(mid, [reason])

    def _on_answer(self, _: PahoClient, __: Any, mid: int, reasons: list[ReasonCode], ___: Any) -> None:
        self._answered(mid, reasons)

    def _received(self, arrived: Arrived) -> None:
        self._wire.progress += 1
        if self._receive is not None:
            self._receive(arrived)

    # --- answers ----------------------------------------------------------------------------------------------------

    def _expect(self, mid: int | None) -> Answer:
        if mid is None:
            raise self._over()
        answer: Answer = self._loop.create_future()
        self._waiting[mid] = answer
        return answer

    def _answered(self, mid: int, reasons: list[ReasonCode]) -> None:
        self._wire.progress += 1
        answer = self._waiting.pop(mid, None)
        if answer is not None and not answer.done():
            answer.set_result(reasons)

    def _must_live(self) -> None:
        if self.fault is not None:
            raise Transient(str(self.fault))

    # --- the end ----------------------------------------------------------------------------------------------------

    def _over(self) -> Permanent | Transient:
        """paho says so, and no more."""
        return self._ended(refusals.ended(None, False, self._settings, self.client_id))

    def _lose(self, why: str) -> None:
        self._ended(Transient(f"the connection to {self._settings.address.text} is over: {why}"))

    def _ended(self, fault: Permanent | Transient) -> Permanent | Transient:
        """The connection is over for this reason, unless one was known before; answers the reason given."""
        if self.fault is None:
            self.fault = fault if isinstance(fault, Transient) else Transient(str(fault))
            self._wire.detach()
            shut(self._client)
            if not self._granted.done():
                self._granted.set_exception(refusals.unanswered(self._settings))
                self._granted.exception()  # seen, whether or not anybody waits
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(Transient(str(self.fault)))
                    answer.exception()
            self._waiting.clear()
            self.on_lost()
        return fault

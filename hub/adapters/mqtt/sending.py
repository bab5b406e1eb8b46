"""What leaves: one connection for sending, and a receipt for each message.

Invariant: a message is sent when the broker has said so (PUBACK). It is a connection of its own, opened by the first
message that needs it: what leaves neither waits behind messages that the hub does not read for now, nor needs the
session that only one instance may have.
"""

from __future__ import annotations

import asyncio
import re
import struct
from typing import Any

from paho.mqtt.exception import MQTTException
from paho.mqtt.packettypes import PacketTypes

from hub.adapters.mqtt import packets, refusals
from hub.adapters.mqtt.client import properties_of
from hub.adapters.mqtt.connection import ANSWER_TIMEOUT, Connection, Granted
from hub.adapters.mqtt.settings import MqttSettings
from hub.errors import Permanent, Transient
from hub.model import Outgoing
from hub.telemetry import get_logger

_log = get_logger("hub.adapters.mqtt")

_IN_FLIGHT = 1000
_ROOM = 64
"""What a packet needs beside topic, payload and properties."""
# Brokers end the connection over these, and with it the messages of others.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


class Sender:
    """Sends for one adapter, over as many connections, one after the other, as it takes."""

    def __init__(self, name: str, settings: MqttSettings, client_id: str) -> None:
        self._name = name
        self._settings = settings
        self._client_id = client_id
        self._opening: asyncio.Task[Connection] | None = None
        self._room = asyncio.Semaphore(1)
        self._maximum: int | None = None
        self._told = False

    async def send(self, message: Outgoing) -> None:
        """Returns on the broker's receipt. Raises Transient and Permanent."""
        topic, retain = _fit(message.topic, "topic"), _retain(message)
        if not topic:
            raise Permanent("topic: a message needs one")
        properties, length = self._properties(message)
        size = len(topic.encode()) + len(message.body) + _ROOM + length
        connection = await self._connected()
        if self._maximum is not None and size > self._maximum:
            raise Permanent(f"the broker takes packets of {self._maximum} bytes; this message needs {size}")
        room = self._room
        await room.acquire()
        try:
            receipt = connection.publish(topic, message.body, self._settings.qos, retain, properties)
        except BaseException:
            room.release()
            raise
        # However the wait for it ends: the place is free when the broker has answered, or the connection is lost.
        receipt.add_done_callback(lambda _: room.release())
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                reason = (await asyncio.shield(receipt))[0]
        except TimeoutError as error:
            connection.abort(f"no receipt within {ANSWER_TIMEOUT:.0f} s")
            raise Transient(f"{self._settings.address.text} gave no receipt within {ANSWER_TIMEOUT:.0f} s") from error
        if reason.is_failure:
            raise refusals.publishing(reason, topic, self._settings)

    async def close(self) -> None:
        """What was sent may still get its receipt. Harmless when nothing is open. Raises nothing."""
        opening, self._opening = self._opening, None
        if opening is None:
            return
        opening.cancel()
        await asyncio.wait([opening])
        if not opening.cancelled() and opening.exception() is None:
            connection = opening.result()
            await connection.settled()
            await connection.close()

    async def _connected(self) -> Connection:
        """The connection; one attempt at it serves all who wait. Raises Transient, for a wrong password too: the
        message is not at fault."""
        if self._opening is None or _is_over(self._opening):
            self._opening = asyncio.get_running_loop().create_task(self._open())
        opening = self._opening
        try:
            return await asyncio.shield(opening)
        except Permanent as error:
            raise Transient(str(error)) from error
        except asyncio.CancelledError:
            if opening.cancelled():
                raise Transient(f"{self._name} was closed") from None
            raise

    async def _open(self) -> Connection:
        connection = Connection(self._settings, self._client_id)
        granted: Granted = await connection.open()
        self._room = asyncio.Semaphore(min(_IN_FLIGHT, granted.receive_maximum))
        self._maximum = granted.maximum_packet
        return connection

    def _properties(self, message: Outgoing) -> tuple[Any, int]:
        """paho's Properties and their bytes, None before MQTT 5. Raises Permanent."""
        if not self._settings.five:
            if message.headers and not self._told and message.headers.keys() - {packets.RETAIN}:
                self._told = True
                _log.warning("MQTT 3.1.1 has no headers: they are not sent", adapter=self._name)
            return None, 0
        properties: Any = properties_of(PacketTypes.PUBLISH)
        pairs = [(packets.MESSAGE_ID, message.id)]
        try:
            if message.content_type:
                properties.ContentType = _fit(message.content_type, "content type")
            for name, value in message.headers.items():
                if name == packets.RESPONSE_TOPIC:
                    properties.ResponseTopic = _fit(value, name)
                elif name == packets.CORRELATION_DATA:
                    properties.CorrelationData = packets.correlation_data(value)
                elif name == packets.EXPIRY:
                    properties.MessageExpiryInterval = _seconds(value)
                elif name not in (packets.RETAIN, packets.MESSAGE_ID):
                    pairs.append((_fit(name, "the name of a header"), _fit(value, name)))
            properties.UserProperty = pairs
            return properties, len(properties.pack())
        except (ValueError, MQTTException, struct.error) as error:  # the last: longer than its length can say
            raise Permanent(f"a header cannot be sent: {error}") from error


def _is_over(opening: asyncio.Task[Connection]) -> bool:
    """Whether this attempt failed, or its connection is lost since."""
    if not opening.done():
        return False
    return opening.cancelled() or opening.exception() is not None or opening.result().fault is not None


def _retain(message: Outgoing) -> bool:
    value = message.headers.get(packets.RETAIN, "false").lower()
    if value not in ("true", "false"):
        raise Permanent(f"header {packets.RETAIN}: expected true or false, not {value!r}")
    return value == "true"


def _seconds(text: str) -> int:
    if not 0 <= (seconds := int(text)) <= 0xFFFF_FFFF:
        raise ValueError(f"{packets.EXPIRY}: expected 0 to 4294967295 seconds, not {text[:40]}")
    return seconds


def _fit(text: str, what: str) -> str:
    if _UNFIT.search(text):
        raise Permanent(f"{what}: holds a character that MQTT does not carry (a control character, say)")
    if len(text.encode()) > 65_535:
        raise Permanent(f"{what}: longer than 65,535 bytes")
    return text

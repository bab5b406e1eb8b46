"""paho's client, as a connection uses it: made, given its callbacks by the caller, and dialled in a thread.

Invariant: paho never connects by itself, neither again nor to another version of the protocol, and acknowledges nothing
that it is not told to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client as PahoClient
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from hub.adapters.blocking import in_thread
from hub.adapters.mqtt import refusals
from hub.adapters.mqtt.packets import Arrived, Malformed, read_publish
from hub.adapters.mqtt.settings import MqttSettings

Receive = Callable[[Arrived], None]
properties_of: Callable[[int], Any] = Properties
"""paho's properties of a type of packet: attributes by name, checked when they are set."""


class Client(PahoClient):
    """paho, but for what it does with a PUBLISH: see `packets`."""

    receive: Receive | None = None

    def _handle_publish(self) -> MQTTErrorCode:
        five = self._protocol == MQTTProtocolVersion.MQTTv5
        try:
            arrived = read_publish(self._in_packet["command"], self._in_packet["packet"], five)
        except Malformed:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        if self.receive is not None:
            self.receive(arrived)
        return MQTTErrorCode.MQTT_ERR_SUCCESS


def make_client(settings: MqttSettings, client_id: str, *, session: bool) -> Client:
    """`session`: it reads, and the broker keeps what comes while it is away; else it only sends."""
    keeps = session and settings.expiry_seconds > 0
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id,
        clean_session=None if settings.five else not keeps,
        protocol=MQTTProtocolVersion.MQTTv5 if settings.five else MQTTProtocolVersion.MQTTv311,
        transport="tcp" if settings.address.path is None else "websockets",
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.max_inflight_messages = 0  # bounded by whoever sends, to what the broker takes
    username, password = settings.credentials
    if username is not None or password is not None:
        client.username_pw_set(username or "", password)
    if settings.address.path is not None:
        client.ws_set_options(settings.address.path)
    if session and (will := settings.will) is not None:
        client.will_set(will.topic, will.payload, will.qos, will.retain)
    return client


async def dial(client: Client, settings: MqttSettings, timeout: float, *, session: bool) -> None:
    """Names, TCP, TLS and websocket, and CONNECT on its way. All of these block: it is done in a thread. Raises
    Transient and Permanent."""
    address = settings.address
    client.connect_timeout = timeout
    if address.secure:
        client.tls_set_context(settings.tls_context())
    options: dict[str, Any] = {"keepalive": settings.keepalive_seconds}
    if settings.five:
        options |= {"clean_start": not session, "properties": _connect_properties(settings, session=session)}
    dialling = in_thread(lambda: client.connect(address.host, address.port, **options), "mqtt-dial")

    def dialled_for_nobody(done: asyncio.Future[MQTTErrorCode]) -> None:
        done.exception()
        shut(client)

    try:
        await asyncio.shield(dialling)
    except asyncio.CancelledError:
        dialling.add_done_callback(dialled_for_nobody)
        raise
    except (OSError, ValueError) as error:
        raise refusals.unreachable(error, settings) from error


def shut(client: Client) -> None:
    """Close the socket without a word, as a crash would."""
    sock = client.socket()
    if sock is not None:
        sock.close()


def _connect_properties(settings: MqttSettings, *, session: bool) -> Any:
    properties = properties_of(PacketTypes.CONNECT)
    if session:
        properties.SessionExpiryInterval = settings.expiry_seconds
        properties.ReceiveMaximum = settings.receive_maximum
    return properties

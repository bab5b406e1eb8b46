"""A bare paho client that does nothing but acknowledge: how fast a session can be read at all, in Python.

Invariant: it acknowledges each message by itself, as the hub does; nothing of it is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from benchmarks.roles.wire import Meter, Tally, Wire


async def run(wire: Wire, *, port: int, client_id: str, topic: str, messages: int, receive_maximum: int) -> None:
    tally = Tally(messages)
    loop = asyncio.get_running_loop()

    def acknowledge(client: Client, _: Any, message: MQTTMessage) -> None:
        """Called in paho's own thread."""
        client.ack(message.mid, message.qos)
        loop.call_soon_threadsafe(tally.hit)

    version = MQTTProtocolVersion.MQTTv5
    client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=version, manual_ack=True)
    client.on_message = acknowledge
    properties: Callable[[int], Any] = Properties
    session = properties(PacketTypes.CONNECT)
    session.SessionExpiryInterval = 3600
    session.ReceiveMaximum = receive_maximum
    await wire.ready()
    meter = Meter()
    await asyncio.to_thread(client.connect, "127.0.0.1", port, clean_start=False, properties=session)
    client.loop_start()
    await tally.all()
    await wire.done(meter.read())
    client.disconnect()
    await asyncio.to_thread(client.loop_stop)

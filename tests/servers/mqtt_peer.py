"""Somebody else at an MQTT broker, for tests: sends with a receipt, and collects what others send.

Invariant: with a `session` nothing is missed while the broker restarts, once `listen` has returned.
"""

import itertools
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

_numbers = itertools.count(1)
_properties: Callable[[int], Any] = Properties


class Heard(NamedTuple):
    """A message as it came; `properties` are MQTT 5's, by paho's names."""

    topic: str
    body: bytes
    retain: bool
    headers: Mapping[str, str]
    properties: Mapping[str, Any]


class Peer:
    """Connected when it is made. Methods block; call them from a thread where a loop must go on."""

    def __init__(
        self, port: int, *, client_id: str | None = None, session: bool = False, in_flight: int = 1000
    ) -> None:
        self.heard: list[Heard] = []
        self._changed = threading.Condition()
        self._receipts: set[int] = set()
        name = client_id or f"peer-{os.getpid()}-{next(_numbers)}"
        self._client = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.max_inflight_messages_set(in_flight)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        connected = threading.Event()
        self._client.on_connect = lambda *_: connected.set()
        kept = _properties(PacketTypes.CONNECT)
        kept.SessionExpiryInterval = 3600 if session else 0
        self._client.connect("127.0.0.1", port, clean_start=not session, properties=kept)
        self._client.loop_start()
        assert connected.wait(30), "the broker did not answer"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, *bodies: bytes, qos: int = 1, retain: bool = False, **properties: Any) -> None:
        """Send in this order; the broker has taken all of them when this returns."""
        packed = _properties(PacketTypes.PUBLISH)
        for name, value in properties.items():
            setattr(packed, name, value)
        # What could not be sent now is queued and sent after the reconnection; `rc` does not count.
        mids = {self._client.publish(topic, body, qos, retain, packed).mid for body in bodies}
        with self._changed:
            assert self._changed.wait_for(lambda: mids <= self._receipts, 60), "no receipt"
            self._receipts -= mids

    def listen(self, topic: str) -> None:
        """Collect what comes on a topic (or filter) from now on."""
        answered = threading.Event()
        self._client.on_subscribe = lambda *_: answered.set()
        self._client.subscribe(topic, qos=1)
        assert answered.wait(30), "the broker did not answer"

    def wait(self, count: int, timeout: float = 30.0) -> list[Heard]:
        """The first so many messages. Raises AssertionError when they do not come in time."""
        return self.wait_until(lambda heard: len(heard) >= count, timeout)[:count]

    def wait_until(self, enough: Callable[[list[Heard]], bool], timeout: float = 30.0) -> list[Heard]:
        with self._changed:
            assert self._changed.wait_for(lambda: enough(self.heard), timeout), f"only {len(self.heard)} messages came"
            return list(self.heard)

    def so_far(self) -> list[Heard]:
        with self._changed:
            return list(self.heard)

    def _on_publish(self, _: paho.Client, __: Any, mid: int, *___: Any) -> None:
        with self._changed:
            self._receipts.add(mid)
            self._changed.notify_all()

    def _on_message(self, _: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        found = message.properties.__dict__ if message.properties is not None else {}
        headers = {name.lower(): value for name, value in found.get("UserProperty", [])}
        with self._changed:
            self.heard.append(Heard(message.topic, bytes(message.payload), message.retain, headers, dict(found)))
            self._changed.notify_all()

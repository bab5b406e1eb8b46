"""The adapter: one connection to a cluster, read from as a group's member, and sent through.

Invariant: reading, sending and asking have clients of their own, so that none waits behind another; all of them end
with `close`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hub.adapters.kafka.control import Control
from hub.adapters.kafka.producer import Writer
from hub.adapters.kafka.reader import Reader
from hub.adapters.kafka.settings import KafkaSettings, address_of, settings_of, tls_context
from hub.errors import Transient
from hub.model import Outgoing
from hub.ports import Context, Delivery, Features
from hub.telemetry import get_logger

_log = get_logger("hub.adapters.kafka")

FEATURES: Final = Features(ordering=True, redelivery=True, cursor=True, headers=True, keys=True)


class KafkaAdapter:
    """See hub.ports.Source and hub.ports.Sink."""

    def __init__(self, name: str, settings: KafkaSettings, context: Context) -> None:
        self.name = name
        self._settings = settings
        self._address = address_of(settings)
        self._context = context
        self._control: Control | None = None
        self._reader: Reader | None = None
        self._writer: Writer | None = None
        self._said: set[str] = set()

    @property
    def features(self) -> Features:
        return FEATURES

    async def connect(self) -> None:
        tls = tls_context(self._address, self._settings)
        if self._settings.tls is not None and self._settings.tls.insecure:
            _log.warning("the broker's certificate is not verified (tls.insecure)", adapter=self.name)
        control = Control(self._settings, self._address, tls)
        try:
            await control.open()
        except BaseException:
            await control.close()
            raise
        self._control = control
        self._writer = Writer(self.name, control)

    async def close(self) -> None:
        reader, self._reader = self._reader, None
        writer, self._writer = self._writer, None
        control, self._control = self._control, None
        if reader is not None:
            await reader.close()
        if writer is not None:
            await writer.close()
        if control is not None:
            await control.close()

    async def check(self) -> None:
        await self._connected().beat()
        if self._reader is not None:
            await self._reader.check()

    def lag(self) -> Mapping[str, int]:
        return self._reader.lag() if self._reader is not None else {}

    async def subscribe(self, topics: Sequence[str]) -> None:
        control = self._connected()
        if self._reader is None:
            self._reader = Reader(self.name, self._settings, control, self._context, self._said)
            await self._reader.start()
        await self._reader.subscribe(topics)

    async def read(self) -> Delivery:
        return await self._reading().read()

    async def acknowledge(self, delivery: Delivery) -> None:
        if self._reader is not None:
            self._reader.acknowledge(delivery)

    async def release(self, delivery: Delivery, position: int | None = None) -> None:
        if self._reader is not None:
            self._reader.release(delivery, position)

    async def send(self, message: Outgoing) -> None:
        if self._writer is None:
            raise Transient(f"{self.name} is not connected to Kafka at {self._address}")
        await self._writer.send(message)

    def _connected(self) -> Control:
        if self._control is None:
            raise Transient(f"{self.name} is not connected to Kafka at {self._address}")
        return self._control

    def _reading(self) -> Reader:
        if self._reader is None:
            raise Transient(f"{self.name} is subscribed to nothing")
        return self._reader


def make(name: str, settings: Mapping[str, Any], context: Context) -> KafkaAdapter:
    """See hub.ports.Factory."""
    return KafkaAdapter(name, settings_of(settings), context)

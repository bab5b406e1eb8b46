"""MQTT adapters without a hub around them, for what the contract of adapters says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from hub.adapters.mqtt import MqttAdapter, make
from tests.integration.adapters import alone
from tests.integration.adapters.alone import context, fresh, reading
from tests.servers import HiveMqService, MosquittoService

outgoing = partial(alone.outgoing, "plant")


def adapter(service: MosquittoService | HiveMqService, **settings: Any) -> MqttAdapter:
    """Not connected yet; with a client id of its own."""
    return make("plant", {"url": service.url, "client_id": fresh("hub"), **settings}, context(fresh("instance")))


@asynccontextmanager
async def connected(
    service: MosquittoService | HiveMqService, *topics: str, **settings: Any
) -> AsyncIterator[MqttAdapter]:
    async with reading(adapter(service, **settings), topics) as found:
        yield found

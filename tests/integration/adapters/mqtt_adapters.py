"""MQTT adapters without a hub around them, for what the contract of adapters says."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from hub.adapters.mqtt import MqttAdapter, make
from hub.clock import SystemClock
from hub.model import Message, Outgoing
from hub.ports import Context, Delivery, Identity
from tests.servers import MosquittoService

_numbers = itertools.count(1)


async def _positions(_: Sequence[str]) -> Mapping[str, int]:
    return {}


async def _identify(_: str | None) -> Identity | None:
    return None


def fresh(what: str) -> str:
    """A name that no other test uses at the same broker."""
    return f"{what}-{os.getpid()}-{next(_numbers)}"


def adapter(service: MosquittoService, **settings: Any) -> MqttAdapter:
    """Not connected yet; with a client id of its own."""
    context = Context(clock=SystemClock(), instance=fresh("instance"), positions=_positions, identify=_identify)
    return make("plant", {"url": service.url, "client_id": fresh("hub"), **settings}, context)


@asynccontextmanager
async def connected(service: MosquittoService, *topics: str, **settings: Any) -> AsyncIterator[MqttAdapter]:
    found = adapter(service, **settings)
    await found.connect()
    try:
        await found.subscribe(topics)
        yield found
    finally:
        await found.close()


async def read(found: MqttAdapter, count: int, *, acknowledge: bool = True) -> list[Message]:
    """So many messages, acknowledged delivery by delivery."""
    messages: list[Message] = []
    async with asyncio.timeout(30):
        while len(messages) < count:
            delivery = await found.read()
            messages += delivery.messages
            if acknowledge:
                await found.acknowledge(delivery)
    return messages


async def one_delivery(found: MqttAdapter) -> Delivery:
    async with asyncio.timeout(30):
        return await found.read()


async def nothing_comes(found: MqttAdapter, seconds: float = 0.3) -> bool:
    """Whether it stays quiet for a moment."""
    try:
        async with asyncio.timeout(seconds):
            await found.read()
    except TimeoutError:
        return True
    return False


def outgoing(topic: str, body: bytes = b"x", headers: Mapping[str, str] | None = None, **more: Any) -> Outgoing:
    number = fresh("message")
    more = {"content_type": "application/json", **more}
    return Outgoing(id=number, to="plant", topic=topic, body=body, headers=headers or {}, **more)

"""ActiveMQ adapters without a hub around them, for what the contract of adapters says."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from hub.adapters.activemq import ActiveMqAdapter, make
from hub.clock import SystemClock
from hub.model import Message, Outgoing
from hub.ports import Context, Delivery, Identity
from tests.servers import ActiveMqService
from tests.servers.activemq import PASSWORD, USER
from tests.servers.stomp_peer import StompPeer

_numbers = itertools.count(1)


async def _positions(_: Sequence[str]) -> Mapping[str, int]:
    return {}


async def _identify(_: str | None) -> Identity | None:
    return None


def fresh(kind: str = "queue") -> str:
    """A destination that no other test uses at the same broker."""
    return f"/{kind}/tests.{os.getpid()}.{next(_numbers)}"


def adapter(url: str, **settings: Any) -> ActiveMqAdapter:
    """Not connected yet."""
    context = Context(clock=SystemClock(), instance="tests", positions=_positions, identify=_identify)
    return make("mes", {"url": url, "username": USER, "password": PASSWORD, **settings}, context)


def peer(service: ActiveMqService, **more: Any) -> StompPeer:
    return StompPeer(service.port, USER, PASSWORD, **more)


@asynccontextmanager
async def connected(service: ActiveMqService, *topics: str, **settings: Any) -> AsyncIterator[ActiveMqAdapter]:
    found = adapter(settings.pop("url", service.url), **settings)
    await found.connect()
    try:
        await found.subscribe(topics)
        yield found
    finally:
        await found.close()


async def read(found: ActiveMqAdapter, count: int, *, acknowledge: bool = True) -> list[Message]:
    """So many messages, acknowledged delivery by delivery."""
    messages: list[Message] = []
    async with asyncio.timeout(30):
        while len(messages) < count:
            delivery = await found.read()
            messages += delivery.messages
            if acknowledge:
                await found.acknowledge(delivery)
    return messages


async def one_delivery(found: ActiveMqAdapter) -> Delivery:
    async with asyncio.timeout(30):
        return await found.read()


async def nothing_comes(found: ActiveMqAdapter, seconds: float = 0.3) -> bool:
    """Whether it stays quiet for a moment."""
    try:
        async with asyncio.timeout(seconds):
            await found.read()
    except TimeoutError:
        return True
    return False


async def left_in(broker: StompPeer, queue: str, count: int) -> list[bytes]:
    """The bodies in a queue, once the broker has heard of the acknowledgements and only `count` are left."""
    async with asyncio.timeout(10):
        while True:
            found = await broker.browse(queue)
            if len(found) == count:
                return [frame.body for frame in found]


def outgoing(topic: str, body: bytes = b"x", headers: Mapping[str, str] | None = None, **more: Any) -> Outgoing:
    more = {"id": f"m{next(_numbers)}", "content_type": "application/json", **more}
    return Outgoing(to="mes", topic=topic, body=body, headers=headers or {}, **more)

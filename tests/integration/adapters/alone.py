"""Adapters of brokers without a hub around them: read, and waited for."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from hub.clock import SystemClock
from hub.model import Message, Outgoing
from hub.ports import Context, Delivery, Identity, Source

A = TypeVar("A", bound=Source)
_numbers = itertools.count(1)


async def _positions(_: Sequence[str]) -> Mapping[str, int]:
    return {}


async def _identify(_: str | None) -> Identity | None:
    return None


def context(instance: str = "tests") -> Context:
    """That of a hub which remembers nothing."""
    return Context(clock=SystemClock(), instance=instance, positions=_positions, identify=_identify)


def fresh(what: str) -> str:
    """A name that no other test uses at the same broker."""
    return f"{what}-{os.getpid()}-{next(_numbers)}"


@asynccontextmanager
async def reading(found: A, topics: Sequence[str]) -> AsyncIterator[A]:
    """Connected, and subscribed to these topics."""
    await found.connect()
    try:
        await found.subscribe(topics)
        yield found
    finally:
        await found.close()


async def read(found: Source, count: int, *, acknowledge: bool = True) -> list[Message]:
    """So many messages, acknowledged delivery by delivery."""
    messages: list[Message] = []
    async with asyncio.timeout(30):
        while len(messages) < count:
            delivery = await found.read()
            messages += delivery.messages
            if acknowledge:
                await found.acknowledge(delivery)
    return messages


async def one_delivery(found: Source) -> Delivery:
    async with asyncio.timeout(30):
        return await found.read()


async def nothing_comes(found: Source, seconds: float = 0.3) -> bool:
    """Whether it stays quiet for a moment."""
    try:
        async with asyncio.timeout(seconds):
            await found.read()
    except TimeoutError:
        return True
    return False


def outgoing(
    to: str, topic: str, body: bytes = b"x", headers: Mapping[str, str] | None = None, **more: Any
) -> Outgoing:
    more = {"id": fresh("message"), "content_type": "application/json", **more}
    return Outgoing(to=to, topic=topic, body=body, headers=headers or {}, **more)

"""The broker in memory. Its client is in the same process, so that it is no proof of anything that goes over a wire; it
shows what the core does, quickly, and with `log` also with positions kept in the database."""

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from hub.adapters.memory import MemoryBroker
from hub.ports import Features
from tests.conformance.adapters.broker import Produced

_numbers = itertools.count(1)


class InMemory:
    """See tests.conformance.adapters.broker.Broker."""

    type = "memory"
    loses_on_kill = False

    def __init__(self, *, log: bool = False) -> None:
        self._name = f"broker-{next(_numbers)}"
        self._broker = MemoryBroker.named(self._name, log=log)
        self.features = Features(ordering=True, redelivery=True, headers=True, keys=True, cursor=log)

    def settings(self) -> dict[str, Any]:
        return {"type": "memory", "broker": self._name, "log": self._broker.log is not None}

    async def topic(self) -> str:
        return f"topic-{next(_numbers)}"

    async def produce(
        self, topic: str, body: bytes, *, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self._broker.produce(topic, body, key, headers or {})

    async def consume(self, topic: str, count: int, timeout: float) -> list[Produced]:
        async with asyncio.timeout(timeout):
            while len(found := [one for one in self._broker.sent if one.topic == topic]) < count:
                await self._broker.change()
        return [Produced(one.body, one.key, {**one.headers, "content-type": one.content_type}) for one in found[:count]]

    async def waiting(self, topic: str) -> int | None:
        return self._broker.waiting

    def stop(self) -> None:
        self._broker.stop()

    def start(self) -> None:
        if not self._broker.up:
            self._broker.start()

    def kill9(self) -> None:
        self._broker.stop()

    async def close(self) -> None:
        pass


def make(request: pytest.FixtureRequest) -> InMemory:
    return InMemory()


def make_log(request: pytest.FixtureRequest) -> InMemory:
    """The same broker, as a log."""
    return InMemory(log=True)

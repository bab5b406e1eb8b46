"""A broker inside the process: for tests, demonstrations, and bridges between routes of one hub.

Invariant: it behaves like a broker that acknowledges. `deliver` returns once the hub has taken the message; what the
hub sends is kept in order, and a message that comes again under the same id is kept once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hub.errors import Transient
from hub.model import Message, Outgoing
from hub.ports import Features, Receive


class MemoryAdapter:
    """`sent` is what left the hub; `deliver` is what comes in. `up = False` refuses both, as a broker that is down."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.features = Features(ordering=True, headers=True, keys=True)
        self.up = True
        self.sent: list[Outgoing] = []
        self._ids: set[str] = set()
        self._receive: Receive | None = None
        self._changed = asyncio.Event()

    async def start(self, receive: Receive) -> None:
        self._receive = receive

    async def stop(self) -> None:
        self._receive = None

    async def connect(self) -> None:
        """Nothing to connect to."""

    async def close(self) -> None:
        """Nothing to close."""

    async def check(self) -> None:
        if not self.up:
            raise Transient(f"the broker of {self.name} is down")

    def lag(self) -> Mapping[str, int]:
        return {}

    async def send(self, message: Outgoing) -> None:
        if not self.up:
            raise Transient(f"the broker of {self.name} is down")
        if message.id not in self._ids:
            self._ids.add(message.id)
            self.sent.append(message)
        self._changed.set()

    async def deliver(
        self, topic: str, body: bytes, *, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Bring a message in; the hub has its row when this returns. Raises Transient while nobody listens."""
        if self._receive is None or not self.up:
            raise Transient(f"nobody listens at {self.name}")
        await self._receive(
            Message(
                adapter=self.name,
                protocol="memory",
                body=body,
                topic=topic,
                key=key,
                headers=dict(headers or {}),
                content_type=(headers or {}).get("content-type"),
            )
        )

    async def received(self, count: int) -> list[Outgoing]:
        """Wait until so many messages have left the hub."""
        while len(self.sent) < count:
            self._changed.clear()
            await self._changed.wait()
        return self.sent

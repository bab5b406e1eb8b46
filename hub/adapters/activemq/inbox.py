"""Messages that have arrived and were not read by the hub yet.

Invariant: it is bounded. A broker sends no more unacknowledged messages than the prefetch of its subscriptions; one
that does not keep to it is not read from until there is room again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection

import msgspec
from stomp.utils import Frame

from hub.adapters.activemq.headers import message_of
from hub.adapters.activemq.link import Link
from hub.ports import Delivery

Ack = tuple[str, str]
"""A subscription's id, and what acknowledges one message of it."""


class Token(msgspec.Struct, frozen=True):
    """What acknowledges a delivery, good on one link only."""

    link: Link | None
    acks: list[Ack]


class Inbox:
    """Filled by the link's `on_message`, emptied by `take`; `link` is the one that fills it."""

    def __init__(self, adapter: str, prefetch: int) -> None:
        self.link: Link | None = None
        self._adapter = adapter
        self._at_once = prefetch
        self._room = prefetch
        self._frames: deque[Frame] = deque()
        self._changed = asyncio.Event()

    @property
    def waiting(self) -> int:
        return len(self._frames)

    def arrived(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._hold()
        self._changed.set()

    def wake(self) -> None:
        """Let the reader see that the link has ended."""
        self._changed.set()

    async def change(self) -> None:
        """Wait for a message, or for the link's end."""
        self._changed.clear()
        await self._changed.wait()

    def take(self) -> Delivery:
        """What has arrived, in its order."""
        frames = [self._frames.popleft() for _ in range(min(len(self._frames), self._at_once))]
        self._hold()
        messages = [message_of(self._adapter, frame.headers, frame.body or b"") for frame in frames]
        return Delivery(messages, Token(self.link, [(_subscription(frame), _ack(frame)) for frame in frames]))

    def expect(self, subscriptions: int) -> None:
        """Of how many subscriptions there may be messages at once."""
        self._room = self._at_once * (subscriptions + 1)
        self._hold()

    def forget(self, subscriptions: Collection[str]) -> None:
        """What came for these goes back by itself."""
        if subscriptions:
            self._frames = deque(frame for frame in self._frames if _subscription(frame) not in subscriptions)
            self._hold()

    def clear(self) -> None:
        self._frames.clear()

    def _hold(self) -> None:
        if self.link is not None:
            self.link.hold(len(self._frames) > self._room)


def _subscription(frame: Frame) -> str:
    return str(frame.headers.get("subscription", ""))


def _ack(frame: Frame) -> str:
    return str(frame.headers.get("ack") or frame.headers.get("message-id", ""))

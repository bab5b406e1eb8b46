"""A partition that is this member's: where it stands, and what was fetched of it and not yet handed out.

Invariant: offsets only rise, from one delivery to the next without a message left out. Once `live` is False nothing of
it is handed out or committed any more; a partition that is assigned again is a new object.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiokafka import TopicPartition

from hub.model import Message
from hub.ports import Cursor, Delivery


class Partition:
    """`position` is the offset to be fetched next, None until it is known; `current` says that fetching goes on here
    (not so for a topic that was made anew, of which only what was fetched is left)."""

    __slots__ = (
        "bytes",
        "current",
        "epoch",
        "flying",
        "generation",
        "known",
        "live",
        "messages",
        "moving",
        "offsets",
        "position",
        "reached",
        "since",
        "stream",
        "topic_id",
        "tp",
    )

    def __init__(self, tp: TopicPartition) -> None:
        self.tp = tp
        self.stream = ""
        self.topic_id: str | None = None
        self.generation = 0
        self.known = False
        """Whether the database said where to go on: the broker is told then, its last commit may have been missed."""
        self.position: int | None = None
        self.reached = 0
        """Where aiokafka stands: past the marks of transactions, which are no messages."""
        self.live = True
        self.current = True
        self.epoch = 0
        """Raised by whatever makes records that are on their way useless."""
        self.flying: Delivery | None = None
        self.moving = False
        """Whether records of it are on their way from aiokafka to here."""
        self.messages: list[Message] = []
        self.offsets: list[int] = []
        self.bytes = 0
        self.since: float | None = None
        """Since when more is known to be there and nothing came; monotonic."""

    def __str__(self) -> str:
        return f"{self.tp.topic}/{self.tp.partition}"

    def add(self, messages: Sequence[Message], offsets: Sequence[int]) -> None:
        """What was fetched, in its order."""
        self.messages.extend(messages)
        self.offsets.extend(offsets)
        self.bytes += sum(len(message.body) for message in messages)
        self.position = self.reached = offsets[-1] + 1
        self.since = None

    def seek(self, consumer: Any) -> None:
        """Let aiokafka go on at `position`. Between a change of topics and the next assignment it has no partitions,
        and ours are placed anew after that."""
        if self.live and self.current and self.tp in consumer.assignment():
            consumer.seek(self.tp, self.position)

    def take(self, limit: int) -> Delivery:
        """The next delivery; the one before it has come back."""
        messages, offsets = self.messages[:limit], self.offsets[:limit]
        del self.messages[:limit], self.offsets[:limit]
        self.bytes -= sum(len(message.body) for message in messages)
        self.flying = Delivery(messages, self, Cursor(self.stream, offsets[0], offsets[-1] + 1))
        return self.flying

    def rewind(self, position: int) -> None:
        """Forget what was fetched; `position` comes next."""
        self.epoch += 1
        self.messages, self.offsets, self.bytes = [], [], 0
        self.position = self.reached = position

    @property
    def waiting(self) -> int:
        """Messages fetched and not yet acknowledged."""
        return len(self.messages) + (len(self.flying.messages) if self.flying is not None else 0)

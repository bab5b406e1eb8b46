"""A broker inside the process: for tests, demonstrations, and bridges between routes of one hub.

Invariant: it behaves like a broker that acknowledges. What was read and not acknowledged comes again, in its place;
what the hub sends is kept in order, and a message that comes again under the same id is kept once.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

from hub.errors import Rejected, Transient
from hub.model import Message, Outgoing
from hub.ports import Context, Cursor, Delivery, Features

_AT_ONCE = 500
_named: WeakValueDictionary[str, MemoryBroker] = WeakValueDictionary()
"""The brokers of this process that a configuration can name, as long as somebody holds them."""


class _Record:
    """A message in the broker; `taken` is set once the hub has acknowledged it."""

    __slots__ = ("body", "headers", "key", "taken", "topic")

    def __init__(self, topic: str, body: bytes, key: str | None, headers: Mapping[str, str]) -> None:
        self.topic = topic
        self.body = body
        self.key = key
        self.headers = headers
        self.taken = asyncio.Event()

    def message(self, adapter: str) -> Message:
        return Message(
            adapter=adapter,
            protocol="memory",
            body=self.body,
            topic=self.topic,
            key=self.key,
            headers=self.headers,
            content_type=self.headers.get("content-type"),
        )


class MemoryBroker:
    """One queue for all topics, or, with `log`, one log that keeps everything and whose readers keep their place.

    `sent` is what left the hub. A stopped broker refuses everything and forgets nothing.
    """

    def __init__(self, *, log: bool = False) -> None:
        self.stream = f"memory:{uuid.uuid4()}"
        self.log: list[_Record] | None = [] if log else None
        self.committed = 0
        self.up = True
        self.epoch = 0
        self.sent: list[Outgoing] = []
        self.queue: deque[_Record] = deque()
        self.unacknowledged = 0
        self._ids: set[str] = set()
        self._changed = asyncio.Event()

    @classmethod
    def named(cls, name: str, *, log: bool = False) -> MemoryBroker:
        """The broker of that name in this process, made if nobody holds one."""
        broker = _named.get(name)
        if broker is None:
            broker = _named[name] = cls(log=log)
        return broker

    def start(self) -> None:
        self.up = True
        self.notify()

    def stop(self) -> None:
        """Every connection to it is lost."""
        self.up = False
        self.epoch += 1
        self.notify()

    def produce(self, topic: str, body: bytes, key: str | None, headers: Mapping[str, str]) -> _Record:
        """Keep a message for the hub. Raises Transient while the broker is down."""
        self.require_up()
        record = _Record(topic, body, key, {name.lower(): value for name, value in headers.items()})
        if self.log is None:
            self.queue.append(record)
            self.unacknowledged += 1
        else:
            self.log.append(record)
        self.notify()
        return record

    def keep(self, message: Outgoing) -> None:
        """Keep a message of the hub's, once for its id. Raises Transient while the broker is down."""
        self.require_up()
        if message.id not in self._ids:
            self._ids.add(message.id)
            self.sent.append(message)
        self.notify()

    def require_up(self) -> None:
        if not self.up:
            raise Transient("the broker in memory is down")

    def notify(self) -> None:
        """Something has changed."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def change(self) -> None:
        """Wait until something changes."""
        await self._changed.wait()

    @property
    def waiting(self) -> int:
        """Messages that the hub has not acknowledged."""
        return self.unacknowledged if self.log is None else len(self.log) - self.committed


class MemoryAdapter:
    """A connection to a MemoryBroker, its own unless one is given. It reads every topic, whatever it is subscribed to,
    so that what no route reads is seen."""

    def __init__(self, name: str, broker: MemoryBroker | None = None, context: Context | None = None) -> None:
        self.name = name
        self.broker = broker or MemoryBroker()
        self._context = context
        self.features = Features(
            ordering=True, redelivery=True, headers=True, keys=True, cursor=self.broker.log is not None
        )
        self._epoch = -1
        self._flying: list[_Record] = []
        self._position = 0

    # --- as the core sees it ----------------------------------------------------------------------------------------

    async def connect(self) -> None:
        self.broker.require_up()
        self._epoch = self.broker.epoch

    async def subscribe(self, topics: Sequence[str]) -> None:
        self._require_connection()
        stream = self.broker.stream
        if self.broker.log is not None and self._context is not None:
            self._position = (await self._context.positions([stream])).get(stream, 0)

    async def read(self) -> Delivery:
        while True:
            self._require_connection()
            if self.broker.log is not None and self._position < len(self.broker.log):
                return self._read_log(self.broker.log)
            if self.broker.queue:
                return self._read_queue()
            await self.broker.change()

    async def acknowledge(self, delivery: Delivery) -> None:
        self._require_connection()
        if delivery.cursor is None:
            self.broker.unacknowledged -= len(self._flying)
        else:
            self.broker.committed = max(self.broker.committed, delivery.cursor.next)
        for record in self._flying:
            record.taken.set()
        self._flying = []
        self.broker.notify()

    async def release(self, delivery: Delivery, position: int | None = None) -> None:
        self._require_connection()
        self._put_back()
        if delivery.cursor is not None:
            self._position = delivery.cursor.first if position is None else position

    async def close(self) -> None:
        self._epoch = -1
        self._put_back()
        self.broker.notify()  # a read that still waits finds that there is no connection

    async def check(self) -> None:
        self._require_connection()

    def lag(self) -> Mapping[str, int]:
        return {self.broker.stream: self.broker.waiting} if self._epoch == self.broker.epoch else {}

    async def send(self, message: Outgoing) -> None:
        self.broker.keep(message)

    # --- as a test sees it ------------------------------------------------------------------------------------------

    @property
    def up(self) -> bool:
        return self.broker.up

    @up.setter
    def up(self, up: bool) -> None:
        if up:
            self.broker.start()
        else:
            self.broker.stop()

    @property
    def sent(self) -> list[Outgoing]:
        """What left the hub."""
        return self.broker.sent

    async def deliver(
        self, topic: str, body: bytes, *, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Bring a message in; the hub has its row when this returns. Raises Transient while the broker is down."""
        await self.broker.produce(topic, body, key, headers or {}).taken.wait()

    async def received(self, count: int) -> list[Outgoing]:
        """Wait until so many messages have left the hub."""
        while len(self.sent) < count:
            await self.broker.change()
        return self.sent

    # --- inside -----------------------------------------------------------------------------------------------------

    def _require_connection(self) -> None:
        self.broker.require_up()
        if self._epoch != self.broker.epoch:
            raise Transient("the connection to the broker in memory was lost")

    def _read_queue(self) -> Delivery:
        queue = self.broker.queue
        self._flying = [queue.popleft() for _ in range(min(_AT_ONCE, len(queue)))]
        return Delivery([record.message(self.name) for record in self._flying])

    def _read_log(self, log: list[_Record]) -> Delivery:
        first = self._position
        self._flying = log[first : first + _AT_ONCE]
        self._position = first + len(self._flying)
        cursor = Cursor(self.broker.stream, first, self._position)
        return Delivery([record.message(self.name) for record in self._flying], cursor=cursor)

    def _put_back(self) -> None:
        if self.broker.log is None:
            self.broker.queue.extendleft(reversed(self._flying))
        self._flying = []


def make(name: str, settings: Mapping[str, Any], context: Context) -> MemoryAdapter:
    """See hub.ports.Factory. `broker` names one that adapters of this process share; `log` makes it keep everything."""
    log, shared = settings.get("log") is True, settings.get("broker")
    if shared is None:
        return MemoryAdapter(name, MemoryBroker(log=log), context)
    if not isinstance(shared, str):
        raise Rejected("broker: the name of a broker in this process is a text", field="broker")
    return MemoryAdapter(name, MemoryBroker.named(shared, log=log), context)

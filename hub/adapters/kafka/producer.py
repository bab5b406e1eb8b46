"""Sending: many messages at once, each answered by the broker's own receipt.

Invariant: `send` returns only for a message that all in-sync replicas have. A producer that was kept without an answer
is thrown away with what it still held, so that nothing leaves later that its job tries again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from aiokafka import AIOKafkaProducer, errors

from hub.adapters.kafka.control import Control
from hub.adapters.kafka.ending import ended
from hub.adapters.kafka.faults import fault
from hub.adapters.kafka.record import TOMBSTONE
from hub.errors import HubError, Permanent, Transient
from hub.model import Outgoing

ID_HEADER: Final = "hub-message-id"
_OURS: Final = frozenset((ID_HEADER, "content-type", TOMBSTONE))
LARGEST: Final = 64 * 2**20
GROUPED: Final = 64 * 2**10
LINGER_MS: Final = 1
METADATA_MS: Final = 10_000
RECEIPT_TIME: Final = 20.0
STOP_TIME: Final = 5.0


class Writer:
    """`open` and `close` as the connection goes; `send` may be called at any time."""

    def __init__(self, name: str, control: Control) -> None:
        self._name = name
        self._grouped = _Lane(control, GROUPED)
        # Every message a batch of its own: a batch that is too large may hold messages that are not.
        self._single = _Lane(control, 1)

    async def send(self, message: Outgoing) -> None:
        """Raises Transient and Permanent."""
        body, key, headers = _record(message)
        grouped = len(message.body) < GROUPED // 2
        try:
            try:
                await (self._grouped if grouped else self._single).send(message.topic, body, key, headers)
            except errors.MessageSizeTooLargeError:
                if not grouped:
                    raise
                await self._single.send(message.topic, body, key, headers)
        except errors.UnknownTopicOrPartitionError as error:
            raise Permanent(f"topic {message.topic!r} does not exist at {self._name}") from error
        except (errors.KafkaError, OSError, TimeoutError) as error:
            raise self._fault(error, message) from error

    async def close(self) -> None:
        """Nothing is sent any more; what waits for a receipt raises Transient."""
        await asyncio.gather(self._grouped.close(), self._single.close())

    def _fault(self, error: BaseException, message: Outgoing) -> HubError:
        if isinstance(error, errors.MessageSizeTooLargeError):
            return Permanent(
                f"topic {message.topic!r}: the message ({len(message.body)} bytes) is larger than the broker takes "
                f"(max.message.bytes)"
            )
        return fault(error, f"sending to topic {message.topic!r}")


class _Live:
    """A started producer; `gone` is done once it is of no use, `retired` says that another has taken its place."""

    def __init__(self, producer: Any) -> None:
        self.producer = producer
        self.retired = False
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class _Lane:
    """One producer at a time, started at the first message."""

    def __init__(self, control: Control, batch_size: int) -> None:
        self._control = control
        self._batch_size = batch_size
        self._live: _Live | None = None
        self._starting = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()

    async def send(self, topic: str, body: bytes | None, key: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        while True:
            async with asyncio.timeout(RECEIPT_TIME):  # those that wait for one start do not each begin another
                live = await self._started()
            try:
                async with asyncio.timeout(RECEIPT_TIME):
                    receipt = await live.producer.send(topic, body, key, headers=headers)
                    await asyncio.wait((receipt, live.gone), return_when=asyncio.FIRST_COMPLETED)
                if not receipt.done():
                    raise Transient("the connection was closed before the broker's receipt")
                receipt.result()
            except errors.OutOfOrderSequenceNumber:
                # A batch before this one was refused and its numbers are missing: the broker has not taken this one.
                self._retire(live)
            except errors.ProducerClosed:
                if not live.retired:
                    raise
            except errors.UnknownTopicOrPartitionError:
                raise
            except TimeoutError:
                self._discard(live)
                raise
            except errors.KafkaError:
                self._retire(live)
                raise
            else:
                return

    async def close(self) -> None:
        if self._live is not None:
            self._discard(self._live)
        if self._ending:
            await asyncio.wait(self._ending, timeout=STOP_TIME)

    async def _started(self) -> _Live:
        async with self._starting:
            if self._live is None:
                producer = AIOKafkaProducer(
                    **{**self._control.options, "request_timeout_ms": METADATA_MS},
                    enable_idempotence=True,
                    acks="all",
                    linger_ms=LINGER_MS,
                    max_batch_size=self._batch_size,
                    max_request_size=LARGEST,
                )
                try:
                    async with asyncio.timeout(RECEIPT_TIME):
                        await producer.start()
                except BaseException:
                    await _abandon(producer)
                    raise
                self._live = _Live(producer)
            return self._live

    def _discard(self, live: _Live) -> None:
        """End a producer at once, with what it holds."""
        if self._live is live:
            self._live = None
        if not live.gone.done():
            live.gone.set_result(None)
            self._end(_abandon(live.producer))

    def _retire(self, live: _Live) -> None:
        """The next message begins with a new producer, which counts from the beginning; this one sends what it has."""
        if self._live is live:
            self._live = None
            live.retired = True
            self._end(_finish(live))

    def _end(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _record(message: Outgoing) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]:
    """Body, key and headers; what came in as a tombstone leaves as one."""
    key = None if message.key is None else message.key.encode("utf-8", "replace")
    tombstone = key is not None and not message.body and TOMBSTONE in message.headers
    headers = [
        (name, text.encode("utf-8", "replace")) for name, text in message.headers.items() if name.lower() not in _OURS
    ]
    headers += [("content-type", message.content_type.encode()), (ID_HEADER, message.id.encode())]
    return None if tombstone else message.body, key, headers


async def _finish(live: _Live) -> None:
    """Send what waits, then stop."""
    if not await ended(live.producer.stop(), "producer", RECEIPT_TIME):
        await _abandon(live.producer)
    if not live.gone.done():
        live.gone.set_result(None)


async def _abandon(producer: Any) -> None:
    """Stop without sending what still waits: `stop` alone would send it, or try for ever."""
    await ended(producer._sender.close(), "sender", STOP_TIME)
    await ended(producer.stop(), "producer", STOP_TIME)
    await ended(producer.client.close(), "producer's connections", STOP_TIME)

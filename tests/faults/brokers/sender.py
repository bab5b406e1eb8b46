"""Somebody at a broker: `python -m tests.faults.brokers.sender kafka PORT TOPIC --count 1500 --ledger FILE`.

Message `n` is `{"id": "m0000n", "key": …}`. They are sent in rounds with one message of each key, and a round begins
when the one before it is acknowledged: so each key's messages come to the broker in order, whatever is said again.

Invariant: an id is in the ledger if and only if the broker has acknowledged its message. Over MQTT and STOMP a message
whose acknowledgement was lost is said again, so the broker may have it twice; Kafka's idempotent producer sees to it
that it has it once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from tests.faults.ledger import Ledger
from tests.servers.activemq import PASSWORD, USER
from tests.servers.mqtt_peer import Peer
from tests.servers.stomp_peer import Refused, StompPeer

KEYS = 50
_PATIENCE = 120.0
_ANSWER = 5.0
_PAUSE = 0.05


class Said(NamedTuple):
    """A message on its way to the broker."""

    id: str
    key: str
    body: bytes


Say = Callable[[Sequence[Said]], Awaitable[None]]
"""Returns once the broker has acknowledged all of them."""


def number_of(id: str) -> int:
    return int(id.removeprefix("m"))


def key_of(id: str) -> str:
    return f"k{number_of(id) % KEYS}"


def said(number: int, to: str) -> Said:
    id = f"m{number:07d}"
    key = key_of(id)
    return Said(id, key, json.dumps({"id": id, "key": key, "to": to}).encode())


async def send(say: Say, ledger: Ledger, count: int, *, pause: float, allowed: Path, to: str = "") -> None:
    """Have so many messages acknowledged; `pause` seconds between the rounds, and never more than the number in the
    file `allowed`. Raises TimeoutError."""
    for first in range(0, count, KEYS):
        while first >= int(allowed.read_text() or 0):  # noqa: ASYNC110 - written by another process
            await asyncio.sleep(_PAUSE)
        batch = [said(number, to) for number in range(first, min(count, first + KEYS))]
        async with asyncio.timeout(_PATIENCE):
            await say(batch)
        ledger.acknowledged(one.id for one in batch)
        await asyncio.sleep(pause)


@asynccontextmanager
async def over_kafka(port: int, topic: str) -> AsyncIterator[Say]:
    producer = AIOKafkaProducer(
        bootstrap_servers=f"127.0.0.1:{port}", enable_idempotence=True, request_timeout_ms=int(_PATIENCE * 1000)
    )

    async def say(batch: Sequence[Said]) -> None:
        receipts = [await producer.send(topic, one.body, key=one.key.encode()) for one in batch]
        await asyncio.gather(*receipts)

    async with producer:
        yield say


@asynccontextmanager
async def over_mqtt(port: int, topic: str) -> AsyncIterator[Say]:
    with Peer(port, session=True) as peer:

        async def say(batch: Sequence[Said]) -> None:
            await asyncio.to_thread(peer.publish, topic, *(one.body for one in batch))

        yield say


@asynccontextmanager
async def over_stomp(port: int, topic: str) -> AsyncIterator[Say]:
    connection = AsyncExitStack()
    peer: StompPeer | None = None

    async def say(batch: Sequence[Said]) -> None:
        nonlocal peer
        left = list(batch)
        while left:
            try:
                async with asyncio.timeout(_ANSWER):
                    if peer is None:
                        peer = await connection.enter_async_context(StompPeer(port, USER, PASSWORD))
                    sends = [peer.send(topic, one.body, {"hub-key": one.key}) for one in left]
                    answers = await asyncio.gather(*map(_receipt, sends))
            except (OSError, EOFError, Refused, TimeoutError):
                answers = [False] * len(left)
            left = [one for one, has_receipt in zip(left, answers, strict=True) if not has_receipt]
            if left:
                peer = None
                await connection.aclose()
                await asyncio.sleep(_PAUSE)

    async with connection:
        yield say


async def _receipt(sending: Awaitable[None]) -> bool:
    try:
        await sending
    except (OSError, Refused):
        return False
    return True


OVER = {"kafka": over_kafka, "mqtt": over_mqtt, "activemq": over_stomp}


async def _main(options: argparse.Namespace) -> None:
    async with OVER[options.kind](options.port, options.topic) as say:
        await send(
            say, Ledger(options.ledger), options.count, pause=options.pause, allowed=options.allowed, to=options.to
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    add: Any = parser.add_argument
    add("kind", choices=sorted(OVER))
    add("port", type=int)
    add("topic")
    add("--count", type=int, required=True)
    add("--ledger", type=Path, required=True)
    add("--pause", type=float, default=0.05, help="seconds between two rounds")
    add("--allowed", type=Path, required=True, help="the file that says how many may be sent by now")
    add("--to", default="", help="the topic that a handler sends each message on to")
    return parser


if __name__ == "__main__":
    asyncio.run(_main(_parser().parse_args()))

"""Senders of messages over HTTP, as partners are: each says its message again until it is told that it was accepted.

Invariant: a message has one id over all its tries, in its body and as its Idempotency-Key.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Sequence

import aiohttp

from tests.faults.ledger import Ledger

AT_ONCE = 8
_PATIENCE = 60.0
_A_MESSAGE = 0.05
"""Seconds that may pass for each message besides, restarts included."""


async def send(address: str, ledger: Ledger, count: int, routes: Sequence[str]) -> None:
    """Have so many messages accepted, by the routes in turns. Raises TimeoutError when the hub stays away."""
    left = iter(range(count))
    async with (
        asyncio.timeout(_PATIENCE + count * _A_MESSAGE),
        aiohttp.ClientSession() as session,
        asyncio.TaskGroup() as senders,
    ):
        for _ in range(AT_ONCE):
            senders.create_task(_send_all(session, address, ledger, left, routes))


async def _send_all(
    session: aiohttp.ClientSession, address: str, ledger: Ledger, left: Iterator[int], routes: Sequence[str]
) -> None:
    for number in left:
        message = str(uuid.uuid4())
        await _insist(session, f"{address}/webhooks/{routes[number % len(routes)]}", message)
        ledger.acknowledged([message])


async def _insist(session: aiohttp.ClientSession, address: str, message: str) -> None:
    while True:
        if await _accepted(session, address, message):
            return
        await asyncio.sleep(0.02)


async def _accepted(session: aiohttp.ClientSession, address: str, message: str) -> bool:
    headers = {"Idempotency-Key": message}
    try:
        async with session.post(address, json={"id": message}, headers=headers) as answer:
            if answer.status in (429, 503):
                return False
            if answer.status != 202:
                raise AssertionError(f"{answer.status} {await answer.text()}")
            return True
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError):
        return False

"""Clients that say a message again, on a new connection if need be, until they are told that it was accepted.

Invariant: a message has one id over all its tries, in its body. What a client was not told it says again.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager

import aiohttp

from tests.faults.ledger import Ledger

AT_ONCE = 8
_PATIENCE = 60.0
_A_MESSAGE = 0.05
"""Seconds that may pass for each message besides, restarts included."""
_PAUSE = 0.02

Say = Callable[[str, str], Awaitable[bool]]
"""(route, id of the message) → whether it was accepted; False: to be said again on the same connection."""

Join = Callable[[aiohttp.ClientSession, str], AbstractAsyncContextManager[Say]]
"""A connection to the hub at an address. Raises ConnectionError or ClientError when the hub is gone, as `Say` does."""


async def insist(address: str, ledger: Ledger, count: int, routes: Sequence[str], *, join: Join) -> None:
    """Have so many messages accepted, by the routes in turns. Raises TimeoutError when the hub stays away."""
    left = iter(range(count))
    async with (
        asyncio.timeout(_PATIENCE + count * _A_MESSAGE),
        aiohttp.ClientSession() as session,
        asyncio.TaskGroup() as clients,
    ):
        for _ in range(AT_ONCE):
            clients.create_task(_insist(session, address, ledger, _messages(left, routes), join))


def _messages(left: Iterator[int], routes: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((routes[number % len(routes)], str(uuid.uuid4())) for number in left)


async def _insist(
    session: aiohttp.ClientSession, address: str, ledger: Ledger, messages: Iterator[tuple[str, str]], join: Join
) -> None:
    waiting = next(messages, None)
    while waiting is not None:
        try:
            async with join(session, address) as say:
                while waiting is not None:
                    if await say(*waiting):
                        ledger.acknowledged([waiting[1]])
                        waiting = next(messages, None)
                    else:
                        await asyncio.sleep(_PAUSE)
        except (aiohttp.ClientError, ConnectionError):
            await asyncio.sleep(_PAUSE)

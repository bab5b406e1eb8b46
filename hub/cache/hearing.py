"""Hearing channels of Redis, over any number of connections.

Invariant: a lost connection is made again, and what was said meanwhile is gone. Nothing that a listener raises ends the
hearing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import NoReturn

from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from hub.cache.redis import RedisCache, connect, disconnect
from hub.clock import Clock, backoff

_log = logging.getLogger("hub.cache")

_HEALTH = 5.0
_SLOWEST = 5.0

Heard = Callable[[str, bytes], None]
"""Told a channel and what was said there."""


async def hear(
    cache: RedisCache,
    clock: Clock,
    channels: Collection[str],
    heard: Heard,
    *,
    began: Callable[[], None],
    ended: Callable[[], None] = lambda: None,
) -> NoReturn:
    """Hear channels until cancelled; `began` once the server knows of it, `ended` when its connection is lost."""
    failures = 0
    while True:
        client = connect(cache.address, connections=1, health_check=_HEALTH)
        try:
            async with client.pubsub(ignore_subscribe_messages=True) as connection:
                async with asyncio.timeout(cache.timeout):
                    await connection.subscribe(*(cache.prefix + channel for channel in channels))
                    # Its answer says that the server knows.
                    await connection.get_message(timeout=cache.timeout)
                failures = 0
                began()
                await _follow(connection, cache, heard)
        except (RedisError, OSError, TimeoutError) as error:
            failures += 1
            _log.debug("hearing through the cache paused: %s", error)
        finally:
            ended()
            await disconnect(client, cache.timeout)
        await asyncio.sleep(backoff(0.1, failures, _SLOWEST) * (0.5 + clock.random() / 2))


async def _follow(connection: PubSub, cache: RedisCache, heard: Heard) -> None:
    while True:
        async with asyncio.timeout(_HEALTH + 2 * cache.timeout):
            message = await connection.get_message(timeout=_HEALTH)
        if message is None:
            async with asyncio.timeout(cache.timeout):
                await connection.ping()
            continue
        if message["type"] == "message":
            _tell(heard, message["channel"].decode().removeprefix(cache.prefix), message["data"])


def _tell(heard: Heard, channel: str, message: bytes) -> None:
    try:
        heard(channel, message)
    except Exception:
        _log.exception("what another instance said could not be followed; the next is heard")

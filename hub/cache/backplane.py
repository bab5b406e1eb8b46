"""What instances tell each other's sockets, through Redis: published at once, heard at most once.

Invariant: publishing says whether the server took it; hearing never fails for the caller: a lost connection is made
again, and what was said meanwhile is gone. Connected only while somebody listens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from hub.cache.redis import RedisCache, connect, disconnect
from hub.clock import Clock, backoff

_log = logging.getLogger("hub.cache")

_HEALTH = 5.0
_SLOWEST = 5.0


class RedisBackplane:
    """See hub.ports.Backplane."""

    def __init__(self, cache: RedisCache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock
        self._heard: dict[str, Callable[[bytes], None]] = {}
        self._running: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()

    async def publish(self, channel: str, message: bytes) -> None:
        """Raises CacheUnavailable."""
        await self._cache.publish(channel, [message])

    async def subscribe(self, channel: str, heard: Callable[[bytes], None]) -> None:
        """Returns when the server knows, or after the cache's time limit: it may be away, and is tried again."""
        self._heard[channel] = heard
        await self._restart()
        try:
            async with asyncio.timeout(self._cache.timeout):
                await self._listening.wait()
        except TimeoutError:
            _log.warning("the cache is away: other instances are not heard until it is back")

    async def unsubscribe(self, channel: str) -> None:
        """Harmless for a channel that nobody listens to."""
        if self._heard.pop(channel, None) is not None:
            await self._restart()

    async def _restart(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait([running])
        self._listening.clear()
        if self._heard:
            self._running = asyncio.get_running_loop().create_task(self._run(), name="cache backplane")
        else:
            await self._cache.close()

    async def _run(self) -> None:
        failures = 0
        while True:
            client = connect(self._cache.address, connections=1, health_check=_HEALTH)
            try:
                async with client.pubsub(ignore_subscribe_messages=True) as connection:
                    async with asyncio.timeout(self._cache.timeout):
                        await connection.subscribe(*(self._cache.prefix + channel for channel in self._heard))
                        # Its answer says that the server knows.
                        await connection.get_message(timeout=self._cache.timeout)
                    failures = 0
                    self._listening.set()
                    await self._hear(connection)
            except (RedisError, OSError, TimeoutError) as error:
                failures += 1
                _log.debug("the backplane paused: %s", error)
            finally:
                self._listening.clear()
                await disconnect(client, self._cache.timeout)
            await asyncio.sleep(backoff(0.1, failures, _SLOWEST) * (0.5 + self._clock.random() / 2))

    async def _hear(self, connection: PubSub) -> None:
        while True:
            async with asyncio.timeout(_HEALTH + 2 * self._cache.timeout):
                message = await connection.get_message(timeout=_HEALTH)
            if message is None:
                async with asyncio.timeout(self._cache.timeout):
                    await connection.ping()
                continue
            if message["type"] != "message":
                continue
            heard = self._heard.get(message["channel"].decode().removeprefix(self._cache.prefix))
            if heard is not None:
                _tell(heard, message["data"])


def _tell(heard: Callable[[bytes], None], message: bytes) -> None:
    try:
        heard(message)
    except Exception:
        _log.exception("what another instance said could not be followed; the next is heard")

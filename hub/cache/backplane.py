"""What instances tell each other's sockets, through Redis: published at once, heard at most once.

Invariant: publishing says whether the server took it; hearing never fails for the caller: a lost connection is made
again, and what was said meanwhile is gone. Connected only while somebody listens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from hub.cache.hearing import hear
from hub.cache.redis import RedisCache
from hub.clock import Clock

_log = logging.getLogger("hub.cache")


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
            hearing = hear(
                self._cache,
                self._clock,
                list(self._heard),
                self._pass_on,
                began=self._listening.set,
                ended=self._listening.clear,
            )
            self._running = asyncio.get_running_loop().create_task(hearing, name="cache backplane")
        else:
            await self._cache.close()

    def _pass_on(self, channel: str, message: bytes) -> None:
        heard = self._heard.get(channel)
        if heard is not None:
            heard(message)

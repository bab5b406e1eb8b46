"""Notifications between instances through Redis, for databases that have none of their own.

Invariant: they only make things quicker. Publishing neither waits nor fails; after a reconnect every listener is told
that it may have missed some. An instance does not hear itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from hub.cache.redis import RedisCache, connect, disconnect
from hub.clock import Clock, backoff
from hub.errors import CacheUnavailable

_log = logging.getLogger("hub.cache")

_HEALTH = 5.0
_SLOWEST = 5.0

Heard = tuple[Callable[[str], None], Callable[[], None]]


class RedisChannels:
    """See hub.ports.Channels; start, stop. A text is the instance's name, a space, and what is said."""

    def __init__(self, cache: RedisCache, instance: str, clock: Clock) -> None:
        self._cache = cache
        self._instance = instance
        self._clock = clock
        self._heard: dict[str, Heard] = {}
        self._said: dict[str, dict[str, None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._publishing: asyncio.Task[None] | None = None

    def start(self) -> None:
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._run(), name="cache channels")]

    async def stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        if self._publishing is not None:
            tasks.append(self._publishing)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def listen(self, channel: str, heard: Callable[[str], None], missed: Callable[[], None]) -> None:
        """Before `start`."""
        self._heard[channel] = (heard, missed)

    def publish(self, channel: str, text: str) -> None:
        if not self._tasks:
            return
        self._said.setdefault(channel, {})[f"{self._instance} {text}"] = None
        if self._publishing is None:
            self._publishing = asyncio.create_task(self._publish(), name="cache publish")

    async def _publish(self) -> None:
        """What is said while a trip is under way goes with the next; the same words once."""
        try:
            while self._said:
                said, self._said = self._said, {}
                for channel, texts in said.items():
                    await self._cache.publish(channel, list(texts))
        except CacheUnavailable as error:
            _log.debug("nobody was told: %s", error)
            self._said.clear()
        finally:
            self._publishing = None

    async def _run(self) -> None:
        failures = 0
        while True:
            client = connect(self._cache.address, connections=1, health_check=_HEALTH)
            try:
                async with client.pubsub(ignore_subscribe_messages=True) as connection:
                    async with asyncio.timeout(self._cache.timeout):
                        await connection.subscribe(*(self._cache.prefix + channel for channel in self._heard))
                    for _, missed in self._heard.values():
                        missed()
                    failures = 0
                    await self._hear(connection)
            except (RedisError, OSError, TimeoutError) as error:
                failures += 1
                _log.debug("notifications through the cache paused: %s", error)
            finally:
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
            channel = message["channel"].decode().removeprefix(self._cache.prefix)
            speaker, _, text = message["data"].decode(errors="replace").partition(" ")
            if speaker != self._instance and channel in self._heard:
                self._heard[channel][0](text)

"""Notifications between instances through Redis, for databases that have none of their own.

Invariant: they only make things quicker. Publishing neither waits nor fails; after a reconnect every listener is told
that it may have missed some. An instance does not hear itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from hub.cache.hearing import hear
from hub.cache.redis import RedisCache
from hub.clock import Clock
from hub.errors import CacheUnavailable

_log = logging.getLogger("hub.cache")

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
            hearing = hear(self._cache, self._clock, self._heard, self._pass_on, began=self._missed)
            self._tasks = [asyncio.create_task(hearing, name="cache channels")]

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

    def _missed(self) -> None:
        for _, missed in self._heard.values():
            missed()

    def _pass_on(self, channel: str, message: bytes) -> None:
        speaker, _, text = message.decode(errors="replace").partition(" ")
        if speaker != self._instance and channel in self._heard:
            self._heard[channel][0](text)

"""What instances tell each other, and each other's sockets, through a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hub.cache import CacheSettings, open_backplane, open_cache, open_channels
from hub.clock import SystemClock
from hub.ports import Backplane
from tests.servers import RedisService

pytestmark = pytest.mark.redis


@pytest.fixture
async def backplane(own_redis: RedisService) -> AsyncIterator[Backplane]:
    made = open_backplane(CacheSettings(adapter="redis", url=own_redis.url, timeout=2.0), SystemClock())
    assert made is not None
    yield made
    await made.unsubscribe("talk")


async def test_what_fails_to_be_followed_keeps_nobody_from_hearing_on(backplane: Backplane) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    def hear(message: bytes) -> None:
        if message == b"bad":
            raise ValueError("not to be understood")
        heard.put_nowait(message)

    await backplane.subscribe("talk", hear)
    for message in (b"one", b"bad", b"two"):
        await backplane.publish("talk", message)
    async with asyncio.timeout(30):
        assert [await heard.get(), await heard.get()] == [b"one", b"two"]


async def test_a_notification_that_cannot_be_followed_ends_no_others(own_redis: RedisService) -> None:
    settings = CacheSettings(adapter="redis", url=own_redis.url, timeout=2.0)
    caches = open_cache(settings), open_cache(settings)
    here, there = (
        open_channels(cache, name, SystemClock()) for cache, name in zip(caches, ("here", "there"), strict=True)
    )
    assert here is not None
    assert there is not None
    listening, heard = asyncio.Event(), asyncio.Queue[str]()

    def hear(text: str) -> None:
        if text == "bad":
            raise ValueError("not to be understood")
        heard.put_nowait(text)

    here.listen("talk", hear, listening.set)
    here.start()
    there.start()
    try:
        async with asyncio.timeout(30):
            await listening.wait()
            for text in ("one", "bad", "two"):
                there.publish("talk", text)
            assert [await heard.get(), await heard.get()] == ["one", "two"]
    finally:
        await here.stop()
        await there.stop()
        for cache in caches:
            await cache.close()

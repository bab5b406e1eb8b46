"""Notifications of PostgreSQL where the server answers and yet lets nobody listen, as one in recovery does."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from hub.clock import SystemClock
from hub.db.postgresql.listener import Listener
from hub.db.settings import DatabaseSettings
from hub.db.url import parse

pytestmark = pytest.mark.postgres


@pytest.fixture
async def listener(postgres_url: str) -> AsyncIterator[Listener]:
    made = Listener(parse(postgres_url), DatabaseSettings(), SystemClock())
    yield made
    await made.stop()


async def test_a_server_that_lets_nobody_listen_is_asked_ever_more_seldom_and_holds_up_no_start(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    listen, tries = asyncpg.Connection.add_listener, 0

    async def refused(*_: Any) -> None:
        nonlocal tries
        tries += 1
        raise asyncpg.ReadOnlySQLTransactionError("cannot execute LISTEN during recovery")

    with monkeypatch.context() as recovering:
        recovering.setattr(asyncpg.Connection, "add_listener", refused)
        async with asyncio.timeout(1):
            await listener.listen("hub_jobs", heard.put_nowait)
    assert (tries, asyncpg.Connection.add_listener) == (1, listen)
    async with asyncio.timeout(30):
        assert await heard.get() == "", "some may have been missed"

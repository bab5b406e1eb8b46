"""A server of another kind, which says nothing where one speaks first or waits for another's words."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from hub.db import greeting, migrator
from hub.db.mysql.connector import Connector
from hub.db.postgresql.connections import connect
from hub.db.settings import DatabaseSettings
from hub.db.url import parse
from hub.errors import DatabaseUnavailable

NAMES = {"mysql": "MariaDB or MySQL", "postgresql": "PostgreSQL"}


class Silent:
    """Takes connections, reads, and never answers."""

    def __init__(self) -> None:
        self.taken = 0
        self.port = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        await reader.read()
        writer.close()


@pytest.fixture
async def silent() -> AsyncIterator[Silent]:
    made = Silent()
    server = await asyncio.start_server(made.take, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


@pytest.mark.parametrize("dialect", NAMES)
async def test_one_that_is_silent_is_asked_once_and_its_kind_doubted(dialect: str, silent: Silent) -> None:
    address = parse(f"{dialect}://hub@127.0.0.1:{silent.port}/hub")
    settings = DatabaseSettings(connect_timeout=0.2)
    opening = connect(address, settings) if dialect == "postgresql" else Connector(address, settings).open()
    with pytest.raises(DatabaseUnavailable, match=f"no answer in time: does {NAMES[dialect]} listen there"):
        await opening
    assert silent.taken == 1


@pytest.mark.parametrize("dialect", NAMES)
async def test_the_log_says_so_long_before_the_time_is_over(
    dialect: str, silent: Silent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(greeting, "_SOON", 0.05)
    told = asyncio.Event()
    monkeypatch.setattr(greeting._log, "warning", lambda *_: told.set())
    asking = asyncio.create_task(migrator.status(f"{dialect}://hub@127.0.0.1:{silent.port}/hub"))
    async with asyncio.timeout(30):
        await told.wait()
    assert not asking.done()
    asking.cancel()
    await asyncio.wait([asking])

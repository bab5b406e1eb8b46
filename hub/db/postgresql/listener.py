"""Hears NOTIFY on a connection of its own, and comes back when that is lost.

Invariant: notifications only make things quicker. After a reconnect every channel hears "" once: some may have been
missed, so look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import asyncpg

from hub.clock import Clock, backoff
from hub.db.postgresql.connections import connect
from hub.db.settings import DatabaseSettings
from hub.db.url import Address
from hub.errors import DatabaseUnavailable
from hub.service import end

_log = logging.getLogger("hub.db")


class Listener:
    """One connection that listens on every channel asked for."""

    def __init__(self, address: Address, settings: DatabaseSettings, clock: Clock) -> None:
        self._address = address
        self._settings = settings
        self._clock = clock
        self._heard: dict[str, Callable[[str], None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._connection: asyncpg.Connection[Any] | None = None
        self._ready = asyncio.Event()

    async def listen(self, channel: str, heard: Callable[[str], None]) -> None:
        """Answers once the server listens, or after a failed first try (which goes on in the background)."""
        self._heard[channel] = heard
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="listener")
        elif self._connection is not None:
            await self._subscribe(self._connection, channel)
        await self._ready.wait()

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            await end(task)

    async def _run(self) -> None:
        failures, missed = 0, False
        while True:
            try:
                await self._serve(missed=missed)
                failures = 0
            except (DatabaseUnavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                self._ready.set()
                failures += 1
                if failures == 1:
                    _log.warning("notifications paused: %s", error)
                await asyncio.sleep(backoff(0.2, failures, 30.0) * (0.5 + self._clock.random() / 2))
            missed = True

    async def _serve(self, *, missed: bool) -> None:
        """Listen until the connection is lost. Raises what kept the server from being reached, or from listening."""
        connection = await connect(self._address, self._settings)
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            for channel in list(self._heard):
                await self._subscribe(connection, channel)
            self._connection = connection
            self._ready.set()
            if missed:
                for heard in self._heard.values():
                    heard("")
            await lost.wait()
        finally:
            self._connection = None
            connection.terminate()

    async def _subscribe(self, connection: asyncpg.Connection[Any], channel: str) -> None:
        heard = self._heard[channel]
        await connection.add_listener(channel, lambda _connection, _pid, _channel, text: heard(str(text)))

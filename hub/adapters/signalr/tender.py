"""Looks at every connection, again and again: who was silent too long, who is due a ping.

Invariant: one task and one timer for all connections of an adapter; a connection that fails to be tended ends alone.
"""

from __future__ import annotations

import asyncio

from hub.adapters.signalr.connection import Connection, Kind
from hub.adapters.signalr.registry import Registry
from hub.adapters.signalr.settings import Settings
from hub.clock import Clock
from hub.telemetry import get_logger

_log = get_logger("hub.signalr")


class Tender:
    """start, stop."""

    def __init__(self, registry: Registry, settings: Settings, clock: Clock) -> None:
        self._registry = registry
        self._settings = settings
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="signalr tender")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._settings.tick)
            now = self._clock.monotonic()
            for connection in self._registry.every():
                try:
                    self._look(connection, now)
                except Exception:
                    _log.exception("a connection could not be tended")
                    connection.end(allow_reconnect=True)

    def _look(self, connection: Connection, now: float) -> None:
        settings = self._settings
        carrier = connection.carrier
        if carrier is not None and carrier.lost():
            connection.detach(carrier, now, said=connection.kind is not Kind.WEBSOCKETS)
        if connection.ended:
            # Its transport's own end forgets it; polls may not come back for what is left.
            if connection.kind is Kind.LONG_POLLING and carrier is not None and carrier.lost():
                self._registry.forget(connection)
        elif connection.away:
            if now - connection.since > settings.reconnect_window:
                connection.end(say=False)
        elif connection.codec is None:
            if now - connection.since > settings.handshake_timeout:
                connection.end("The handshake did not come in time.")
        else:
            connection.tend(now)
            silent = now - connection.last_in > settings.client_timeout
            if silent and connection.kind is not Kind.LONG_POLLING and not connection.calls.crowded:
                connection.end("The client was silent for too long.", allow_reconnect=True)

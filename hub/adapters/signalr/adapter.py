"""A SignalR hub on the port of this hub: what clients invoke becomes messages, what leaves calls methods at clients.

Invariant: clients come in only between start and stop; stop tells every one to come back elsewhere, and returns when
what they had sent was taken and their transports are closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from hub.adapters.signalr.calls import Calls
from hub.adapters.signalr.connection import Kind
from hub.adapters.signalr.endpoint import Endpoint
from hub.adapters.signalr.methods import HubMethods
from hub.adapters.signalr.outbound import Outbound
from hub.adapters.signalr.registry import Registry
from hub.adapters.signalr.settings import Settings, settings_of
from hub.adapters.signalr.tender import Tender
from hub.model import Outgoing
from hub.ports import Context, Features, Receive

_LAST_WORDS: Final = 6.0
_BETWEEN_POLLS: Final = 1.0


class SignalRAdapter:
    """See hub.ports.Listener."""

    features = Features(ordering=True, headers=True)

    def __init__(self, name: str, settings: Settings, context: Context) -> None:
        self.name = name
        self.settings = settings
        self._clock = context.clock
        self._registry = Registry(settings, context.clock, lambda connection: Calls(connection, self._methods))
        self._methods = HubMethods(name, self._registry, settings.groups, context.follow)
        self._endpoint = Endpoint(settings, self._registry, context)
        self._tender = Tender(self._registry, settings, context.clock)
        self._outbound = Outbound(name, context.instance, self._registry, context.backplane, settings.result_timeout)

    @property
    def connections(self) -> int:
        """How many clients are connected to this instance, those that are away for a moment included."""
        return len(self._registry)

    @property
    def received(self) -> int:
        """Messages taken in since the start."""
        return self._methods.received

    def mount(self, application: web.Application) -> None:
        """See Listener."""
        self._endpoint.mount(application)

    async def start(self, receive: Receive) -> None:
        """See Listener."""
        self._methods.receive = receive
        await self._outbound.start()
        self._tender.start()
        self._endpoint.open = True

    async def stop(self) -> None:
        """See Listener."""
        self._endpoint.open = False
        connections = self._registry.every()
        for connection in connections:
            connection.end("The server is closing.", allow_reconnect=True)
        try:
            async with asyncio.timeout(_LAST_WORDS):
                await asyncio.gather(*(connection.calls.finished() for connection in connections))
                await self._closed()
        except TimeoutError:
            pass  # who has not read the good-bye by now never will
        for connection in self._registry.every():
            self._registry.forget(connection)
        self._methods.receive = None
        await self._tender.stop()
        await self._outbound.stop()

    async def send(self, message: Outgoing) -> Any:
        """As Listener.send; answers what a client said that was asked for a result."""
        return await self._outbound.send(message)

    async def _closed(self) -> None:
        """Wait for the transports. A client between two polls is given a moment to come back for the good-bye."""
        since = self._clock.monotonic()
        while open_ones := self._registry.every():
            late = self._clock.monotonic() - since > _BETWEEN_POLLS
            for connection in open_ones:
                carrier = connection.carrier
                if carrier is None or carrier.lost() or (late and connection.kind is Kind.LONG_POLLING):
                    self._registry.forget(connection)
            await asyncio.sleep(0.01)


def make(name: str, settings: Mapping[str, Any], context: Context) -> SignalRAdapter:
    """The factory behind the entry point `signalr`."""
    return SignalRAdapter(name, settings_of(settings), context)

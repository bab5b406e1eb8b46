"""A Socket.IO server on the port of the hub: what clients emit becomes messages, what leaves is emitted to clients.

Invariant: clients come in only between start and stop; stop tells every one to come back elsewhere, and returns when
what they had sent was taken and their transports are closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import WSCloseCode, web

from hub.adapters.socketio.door import Door
from hub.adapters.socketio.events import Events
from hub.adapters.socketio.outbound import Outbound
from hub.adapters.socketio.registry import Registry
from hub.adapters.socketio.server import Server
from hub.adapters.socketio.settings import Settings, settings_of
from hub.model import Outgoing
from hub.ports import Context, Features, Receive

_LAST_WORDS: Final = 6.0


class SocketIoAdapter:
    """See hub.ports.Listener."""

    features = Features(ordering=True, headers=True)

    def __init__(self, name: str, settings: Settings, context: Context) -> None:
        self.name = name
        self.settings = settings
        self._registry = Registry()
        self._events = Events(name, settings.groups)
        self._server = Server(settings, context, self._registry, self._events)
        self._door = Door(settings, self._server, context)
        self._outbound = Outbound(
            name, context.instance, context.backplane, self._server, self._registry, settings
        )  # fmt: skip

    @property
    def connections(self) -> int:
        """How many clients are connected to this instance, each counted once however many namespaces it is in."""
        return len(self._server.sessions)

    @property
    def received(self) -> int:
        """Messages taken in since the start."""
        return self._events.received

    def mount(self, application: web.Application) -> None:
        """See Listener."""
        self._door.mount(application)

    async def start(self, receive: Receive) -> None:
        """See Listener."""
        self._events.receive = receive
        await self._outbound.start()
        self._server.open = True

    async def stop(self) -> None:
        """See Listener. An orderly close of the transport, which clients take as a reason to come again."""
        self._server.open = False
        self._events.receive = None
        try:
            async with asyncio.timeout(_LAST_WORDS):
                await self._server.idle()
                for session in list(self._server.sessions.values()):
                    session.closing_code = WSCloseCode.GOING_AWAY
                    await self._server.engine.close(session, say=True)
                await self._door.closed()
        except TimeoutError:
            pass  # who has not read the good-bye by now never will
        for session in list(self._server.sessions.values()):
            session.abort()
            await self._server.drop(session)
        await self._server.engine.end()
        await self._outbound.stop()

    async def send(self, message: Outgoing) -> Any:
        """As Listener.send; answers what a client acknowledged that was asked to."""
        return await self._outbound.send(message)


def make(name: str, settings: Mapping[str, Any], context: Context) -> SocketIoAdapter:
    """The factory behind the entry point `socketio`."""
    return SocketIoAdapter(name, settings_of(settings), context)

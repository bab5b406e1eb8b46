"""python-socketio's server as this adapter runs it: who is let in, what becomes of events, who hears what.

Invariant: the packets of a session are handled one after another, each to its end, even when the client has gone; the
next one is read when the last one was answered. Nobody hears anything before it was let in.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Final

import socketio
from socketio import packet
from socketio.exceptions import ConnectionRefusedError

from hub.adapters.socketio.address import ALL, room_of
from hub.adapters.socketio.engine import Engine
from hub.adapters.socketio.events import Events, refusal
from hub.adapters.socketio.packets import BadPacket, packet_class
from hub.adapters.socketio.registry import Connection, Registry
from hub.adapters.socketio.session import SESSION, Session
from hub.adapters.socketio.settings import Settings
from hub.adapters.whom import Whom
from hub.errors import HubError
from hub.ports import Context, Identity
from hub.telemetry import get_logger

_log = get_logger("hub.socketio")
# The library logs what clients say, tokens too.
_silent: Final = logging.getLogger("hub.socketio.library")
_silent.setLevel(logging.CRITICAL + 1)

LONGEST_TOKEN: Final = 512
_LAST_WORDS: Final = 5.0
"""Seconds for what waits for a client whose session has ended."""


class Server(socketio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """`open` is False before the start and from the stop on: nobody new is let in."""

    def __init__(self, settings: Settings, context: Context, registry: Registry, events: Events) -> None:
        super().__init__(
            logger=_silent,
            engineio_logger=_silent,
            serializer=packet_class(settings.max_message, settings.max_attachments),
            async_handlers=False,
            namespaces=list(settings.namespaces),
            ping_interval=settings.ping_interval,
            ping_timeout=settings.ping_timeout,
            max_http_buffer_size=settings.max_message,
            cors_allowed_origins=[],  # the port has looked at the origin, for every address
            http_compression=False,
            backlog=settings.send_buffer,
        )
        self.open = False
        self.sessions: dict[str, Session] = {}
        self._settings = settings
        self._context = context
        self._registry = registry
        self._events = events
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        for namespace in settings.namespaces:
            self.on("connect", self._connect_to(namespace), namespace=namespace)
            self.on("disconnect", self._left, namespace=namespace)

    @property
    def engine(self) -> Engine:
        engine: Engine = self.eio
        return engine

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    async def idle(self) -> None:
        """Wait until nothing that clients sent is under way."""
        await self._idle.wait()

    # --- sessions ---------------------------------------------------------------------------------------------------

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        session: Session = environ["aiohttp.request"][SESSION]
        session.id = eio_sid
        self.sessions[eio_sid] = session
        self.engine.sockets[eio_sid].queue.overflow = lambda: self._too_slow(session)
        self._await_namespace(session)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        session = self.sessions.get(eio_sid)
        socket = self.engine.sockets.get(eio_sid)
        if session is None or socket is None or socket.closing:
            return
        if socket.last_ping:
            # Who speaks is there: the answer to a ping may stand behind much that was said before.
            socket.last_ping = time.time()
        # What comes after the stop is refused at once: nobody waits for it.
        counted = int(self.open)
        self._under_way += counted
        if counted:
            self._idle.clear()
        try:
            await super()._handle_eio_message(eio_sid, data)
        except BadPacket as error:
            _log.debug("a client was dropped", why=str(error))
            await self.drop(session)
        except Exception:
            _log.exception("a packet failed")
            await self.drop(session)
        finally:
            self._under_way -= counted
            if not self._under_way:
                self._idle.set()

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        session = self.sessions.pop(eio_sid, None)
        if session is not None:
            # One whose client does not read what is left for it would stay for ever.
            session.is_timed(asyncio.get_running_loop().call_later(_LAST_WORDS, session.abort))
        self._binary_packet.pop(eio_sid, None)
        socket = self.engine.sockets.get(eio_sid)
        if socket is not None:
            asyncio.get_running_loop().call_soon(self._forget, eio_sid, socket)
        await super()._handle_eio_disconnect(eio_sid, reason)

    def _forget(self, eio_sid: str, socket: Any) -> None:
        """Whoever writes, or polls, comes to its end behind what waits, a good-bye included."""
        socket.queue.put_nowait(None)
        self.engine.sockets.pop(eio_sid, None)

    async def drop(self, session: Session) -> None:
        """End a session whose client does not keep to the protocol."""
        await self.engine.close(session, say=False)

    def _await_namespace(self, session: Session) -> None:
        """A session that is in no namespace ends after a while."""

        def late() -> None:
            self.engine.start_background_task(self.drop, session)

        loop = asyncio.get_running_loop()
        session.is_timed(loop.call_later(self._settings.handshake_timeout, late))

    def _too_slow(self, session: Session) -> None:
        _log.warning("a client reads too slowly and was dropped")
        session.abort()
        self.engine.start_background_task(self.drop, session)

    # --- namespaces -------------------------------------------------------------------------------------------------

    def _connect_to(self, namespace: str) -> Any:
        async def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
            session: Session = environ["aiohttp.request"][SESSION]
            connection = Connection(sid, session.id, namespace, await self._let_in(session, auth))
            if session.id not in self.sessions:
                # It ended meanwhile, and nobody would take the connection out again.
                raise ConnectionRefusedError("the session has ended", {"code": "gone"})
            self._registry.add(connection)
            session.namespaces += 1
            session.is_timed(None)
            for room in (ALL, room_of(Whom.USER, connection.identity.name)):
                await self.enter_room(sid, room, namespace=namespace)

        return connect

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        if (namespace or "/") in self._settings.namespaces:
            await super()._handle_connect(eio_sid, namespace, data)
        else:  # as an object: of the library's own text clients make an error that says nothing
            said = {"message": "Invalid namespace"}
            await self._send_packet(eio_sid, self.packet_class(packet.CONNECT_ERROR, data=said, namespace=namespace))

    async def _let_in(self, session: Session, auth: Any) -> Identity:
        """Raises ConnectionRefusedError, whose data has a code."""
        if not self.open:
            raise ConnectionRefusedError("the hub is not ready for connections", {"code": "stopping"})
        token = auth.get("token") if isinstance(auth, dict) else None
        try:
            if token is None:
                identity = session.identity or await self._context.identify(None)
            else:
                identity = await self._context.identify(token[:LONGEST_TOKEN] if isinstance(token, str) else "")
        except HubError as error:
            told = refusal(error)
            raise ConnectionRefusedError(told["error"], {"code": told["code"]}) from error
        if identity is None:
            raise ConnectionRefusedError("this needs a token that is known", {"code": "unauthorized"})
        return identity

    async def _left(self, sid: str, reason: str) -> None:
        connection = self._registry.remove(sid)
        session = None if connection is None else self.sessions.get(connection.session)
        if session is not None:
            session.namespaces -= 1
            if not session.namespaces:
                self._await_namespace(session)

    # --- what clients say -------------------------------------------------------------------------------------------

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: list[Any]) -> None:
        connection = self._sender(eio_sid, namespace)
        answer = await self._events.take(self, connection, *data, heard=id is not None)
        if id is not None:
            acknowledged = self.packet_class(packet.ACK, namespace=connection.namespace, id=id, data=[answer])
            await self._send_packet(eio_sid, acknowledged)

    async def _handle_ack(self, eio_sid: str, namespace: str | None, id: int, data: list[Any]) -> None:
        self._sender(eio_sid, namespace).answered(id, data)

    def _sender(self, eio_sid: str, namespace: str | None) -> Connection:
        connection = self._registry.one(self.manager.sid_from_eio_sid(eio_sid, namespace or "/"))
        if connection is None:
            raise BadPacket("a packet for a namespace that the client is not in")
        return connection

    async def join(self, connection: Connection, group: str) -> None:
        """See events.Rooms."""
        connection.groups.add(group)
        await self.enter_room(connection.id, room_of(Whom.GROUP, group), namespace=connection.namespace)

    async def leave(self, connection: Connection, group: str) -> None:
        """See events.Rooms."""
        connection.groups.discard(group)
        await self.leave_room(connection.id, room_of(Whom.GROUP, group), namespace=connection.namespace)

    # --- what clients are told --------------------------------------------------------------------------------------

    async def tell(
        self, connection: Connection, event: str, arguments: tuple[Any, ...], number: int | None = None
    ) -> None:
        """Put an event into one client's queue; with a number it is asked to acknowledge."""
        said = self.packet_class(
            packet.EVENT, namespace=connection.namespace, id=number, data=[event, *arguments]
        )  # fmt: skip
        await self._send_packet(connection.session, said)

    async def tell_room(self, namespace: str, room: str, event: str, arguments: tuple[Any, ...]) -> None:
        """Put an event into the queues of those who are in a room, here."""
        await self.emit(event, arguments, room=room, namespace=namespace)

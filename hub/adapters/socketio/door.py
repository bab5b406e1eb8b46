"""The address of the adapter: who may come in, and the bodies of polls.

Invariant: a token that is presented is known, or the request ends here; a session works for who opened it. Neither
tokens nor the ids of sessions are logged or told. Which pages may call at all, the port decides for all its addresses.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web
from engineio import packet
from engineio.exceptions import EngineIOError

from hub.adapters.http.answers import HttpFault, problem_of
from hub.adapters.http.body import read_body
from hub.adapters.socketio.engine import known
from hub.adapters.socketio.packets import BadPacket
from hub.adapters.socketio.server import LONGEST_TOKEN, Server
from hub.adapters.socketio.session import SESSION, Session
from hub.adapters.socketio.settings import Settings
from hub.errors import HubError, Saturated
from hub.ports import Context, Identity

_BODY_TIMEOUT: Final = 30.0
_END: Final = "\x1e"


class Door:
    """Of one adapter."""

    def __init__(self, settings: Settings, server: Server, context: Context) -> None:
        self._settings = settings
        self._server = server
        self._context = context
        self._sockets = 0
        self._closed = asyncio.Event()
        self._closed.set()

    async def closed(self) -> None:
        """Wait until no WebSocket is served."""
        await self._closed.wait()

    def mount(self, application: web.Application) -> None:
        """Add the addresses: clients ask with a slash at the end."""
        path = self._settings.path.rstrip("/")
        addresses = frozenset((path or "/", f"{path}/"))
        for address in addresses:
            application.router.add_route("GET", address, self._guarded(self._get))
            application.router.add_route("POST", address, self._guarded(self._post))

        async def lend_credentials(request: web.Request, answer: web.StreamResponse) -> None:
            """Pages that the port lists may send cookies: by these a proxy keeps a session at its instance."""
            if request.path in addresses and "Access-Control-Allow-Origin" in answer.headers:
                answer.headers["Access-Control-Allow-Credentials"] = "true"

        application.on_response_prepare.append(lend_credentials)

    def _guarded(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                _check_form(request)
                answer = await handler(request)
            except HubError as error:
                told = problem_of(error)
                if told is None:
                    raise
                return told
            if not answer.prepared:
                answer.headers["Cache-Control"] = "no-store"
                answer.headers["X-Content-Type-Options"] = "nosniff"
            return answer

        return guarded

    async def _presented(self, request: web.Request) -> Identity | None:
        """Who the header or the query names; None where neither does. Raises HttpFault 401."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        found = token.strip() if scheme.lower() == "bearer" else request.query.get("access_token")
        if found is None:
            return None
        identity = await self._context.identify(found if len(found) <= LONGEST_TOKEN else "")
        if identity is None:
            raise HttpFault(
                401,
                "unauthorized",
                "this needs a token that is known",
                headers={"WWW-Authenticate": 'Bearer realm="hub"'},
            )
        return identity

    async def _session(self, request: web.Request) -> Session:
        """That of the request, or a new one. Raises HttpFault 400, 401, 403, 503, Saturated."""
        identity = await self._presented(request)
        id = request.query.get("sid")
        if id is None:
            if not self._server.open:
                raise HttpFault(
                    503, "stopping", "the hub is not ready for connections", headers={"Retry-After": "5"}
                )  # fmt: skip
            if len(self._server.engine.sockets) >= self._settings.max_connections:
                raise Saturated("too many connections are open", 5.0)
            return Session(identity, self._settings.rate, self._context.clock.monotonic)
        session = self._server.sessions.get(id)
        if session is None:
            raise HttpFault(400, "session-unknown", "there is no such session", field="sid")
        if identity is not None and session.identity is not None and identity.name != session.identity.name:
            raise HttpFault(403, "session-of-another", "this session is another caller's", field="sid")
        return session

    async def _get(self, request: web.Request) -> web.StreamResponse:
        session = request[SESSION] = await self._session(request)
        if request.query["transport"] != "websocket":
            answer: web.StreamResponse = await self._server.engine.handle_request(request)
            return answer
        self._sockets += 1
        self._closed.clear()
        try:
            return await self._serve(request, session)
        finally:
            self._sockets -= 1
            if not self._sockets:
                self._closed.set()

    async def _serve(self, request: web.Request, session: Session) -> web.StreamResponse:
        """A WebSocket, until it ends."""
        try:
            answer: web.StreamResponse = await self._server.engine.handle_request(request)
        finally:
            socket = self._server.engine.sockets.get(session.id)
            if socket is not None and not socket.upgraded:
                # The upgrade came to nothing: polls go on.
                socket.upgrading = False
                session.transport = None
            elif socket is not None:
                await self._server.drop(session)
        return answer

    async def _post(self, request: web.Request) -> web.Response:
        if "sid" not in request.query:
            raise HttpFault(400, "session-missing", "the query names no session", field="sid")
        session = await self._session(request)
        socket = self._server.engine.sockets.get(session.id)
        if socket is None or socket.upgraded or not socket.connected or session.posting:
            raise HttpFault(400, "session-not-polled", "the packets of this session come another way", field="sid")
        session.posting = True
        try:
            body = await read_body(request, 2 * self._settings.max_message, _BODY_TIMEOUT)
            await self._take(session, socket, body)
        except (BadPacket, EngineIOError) as error:
            await self._server.drop(session)
            raise HttpFault(400, "packet-malformed", "a packet could not be read: the session ends") from error
        except HttpFault:
            await self._server.drop(session)
            raise
        finally:
            session.posting = False
        return web.Response(text="ok")

    async def _take(self, session: Session, socket: Any, body: bytes) -> None:
        """Raises BadPacket, EngineIOError."""
        try:
            texts = body.decode().split(_END)
        except UnicodeDecodeError as error:
            raise BadPacket("no text") from error
        for text in texts:
            await session.pace()
            await socket.receive(packet.Packet(encoded_packet=self._checked(text)))
            if socket.closing:
                return

    def _checked(self, text: str) -> str | bytes:
        if text[:1] == "b":
            try:
                return base64.b64decode(text[1:], validate=True)
            except (binascii.Error, ValueError) as error:
                raise BadPacket("an attachment is no base64") from error
        if not known(text) or len(text) > self._settings.max_message:
            raise BadPacket("no packet of Engine.IO, or one too large")
        return text


def _check_form(request: web.Request) -> None:
    """Raises HttpFault 400 for what no client of this protocol asks."""
    query = request.query
    transport = query.get("transport")
    websocket = request.headers.get("Upgrade", "").lower() == "websocket"
    if query.get("EIO") != "4":
        raise HttpFault(400, "protocol-unsupported", "this speaks version 4 of Engine.IO", field="EIO")
    if transport not in ("polling", "websocket") or (transport == "websocket") is not websocket:
        raise HttpFault(400, "transport-unknown", "the transport is polling or websocket", field="transport")
    if "j" in query:
        # Pages of any origin could read it.
        raise HttpFault(400, "jsonp-refused", "JSONP is not served", field="j")

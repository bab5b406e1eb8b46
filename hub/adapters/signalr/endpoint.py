"""The addresses of the adapter: negotiation, the transports, and who may come in.

Invariant: nobody gets past here without a name; the token that names a connection works for its own user only, and for
one transport. Neither that token nor a bearer token is logged or told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from hub.adapters.http.answers import HttpFault, json_answer, problem, problem_of
from hub.adapters.http.body import read_body
from hub.adapters.signalr.connection import Connection, Kind
from hub.adapters.signalr.registry import Registry
from hub.adapters.signalr.settings import Settings
from hub.adapters.signalr.transports import longpolling, sse, websocket
from hub.errors import HubError
from hub.ports import Context, Identity

_TRANSPORTS: Final = [
    {"transport": Kind.WEBSOCKETS, "transferFormats": ["Text", "Binary"]},
    {"transport": Kind.SERVER_SENT_EVENTS, "transferFormats": ["Text"]},
    {"transport": Kind.LONG_POLLING, "transferFormats": ["Text", "Binary"]},
]
_LONGEST_TOKEN: Final = 512
_BODY_TIMEOUT: Final = 30.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Endpoint:
    """Of one adapter. `open` is False before the start and from the stop on: nobody new is let in."""

    def __init__(self, settings: Settings, registry: Registry, context: Context) -> None:
        self._settings = settings
        self._registry = registry
        self._context = context
        self._now = context.clock.monotonic
        self._origins = frozenset(origin.lower().rstrip("/") for origin in context.origins)
        self.open = False

    def mount(self, application: web.Application) -> None:
        """Add the addresses."""
        path = self._settings.path.rstrip("/")
        negotiate = f"{path}/negotiate"
        router = application.router
        router.add_route("POST", negotiate, self._guarded(self._negotiate))
        router.add_route("OPTIONS", negotiate, self._guarded(self._preflight))
        for method, handler in (
            ("GET", self._get),
            ("POST", self._post),
            ("DELETE", self._delete),
            ("OPTIONS", self._preflight),
        ):
            router.add_route(method, path or "/", self._guarded(handler))
        application.on_response_prepare.append(self._cors)

    # --- who -------------------------------------------------------------------------------------------------------

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                self._check_origin(request)
                return await handler(request)
            except HubError as error:
                answer = problem_of(error)
                if answer is None:
                    raise
                return answer

        return guarded

    def _check_origin(self, request: web.Request) -> None:
        """Raises HttpFault 403 for a page of another origin that is not listed."""
        origin = request.headers.get("Origin")
        if origin is None or self._is_listed(origin):
            return
        try:
            parts = urlsplit(origin.lower())
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or parts.netloc != request.headers.get("Host", "").lower():
            raise HttpFault(403, "origin-refused", "pages of this origin may not connect", field="Origin")

    def _is_listed(self, origin: str) -> bool:
        return origin.lower() in self._origins

    async def _identify(self, request: web.Request) -> Identity:
        """Who calls, by the header, or where a browser cannot set one by the query. Raises HttpFault 401."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        found: str | None = token.strip() if scheme.lower() == "bearer" else request.query.get("access_token")
        if found is not None and len(found) > _LONGEST_TOKEN:
            found = ""
        identity = await self._context.identify(found)
        if identity is None:
            raise HttpFault(
                401,
                "unauthorized",
                "this needs a token that is known",
                headers={"WWW-Authenticate": 'Bearer realm="hub"'},
            )
        return identity

    def _found(self, request: web.Request, identity: Identity) -> Connection:
        """The connection that the request names. Raises HttpFault 400, 403, 404."""
        token = request.query.get("id", "")
        if not token:
            raise HttpFault(400, "connection-missing", "the query names no connection", field="id")
        connection = self._registry.by_token(token)
        if connection is None:
            raise HttpFault(404, "connection-unknown", "there is no such connection", field="id")
        if connection.identity.name != identity.name:
            raise HttpFault(403, "connection-of-another", "this connection is another caller's")
        return connection

    def _new(self, identity: Identity, **options: Any) -> Connection:
        """Raises HttpFault 503."""
        if not self.open:
            raise HttpFault(503, "stopping", "the hub is not ready for connections", headers={"Retry-After": "5"})
        return self._registry.open(identity, **options)

    # --- addresses --------------------------------------------------------------------------------------------------

    async def _negotiate(self, request: web.Request) -> web.Response:
        identity = await self._identify(request)
        versioned = request.query.get("negotiateVersion", "0") not in ("", "0")
        asked = request.query.get("useStatefulReconnect", "").lower() == "true"
        stateful = asked and self._settings.stateful_reconnect
        connection = self._new(identity, stateful=stateful, shared_id=not versioned)
        answer: dict[str, Any] = {"negotiateVersion": int(versioned), "connectionId": connection.id}
        if versioned:
            answer["connectionToken"] = connection.token
        if stateful:
            answer["useStatefulReconnect"] = True
        return json_answer({**answer, "availableTransports": _TRANSPORTS})

    async def _get(self, request: web.Request) -> web.StreamResponse:
        identity = await self._identify(request)
        kind = _kind(request)
        if kind is Kind.WEBSOCKETS and not request.query.get("id"):
            connection = self._new(identity)
        else:
            connection = self._found(request, identity)
        self._check_kind(connection, kind)
        match kind:
            case Kind.LONG_POLLING:
                return await longpolling.serve(request, connection, self._now, self._registry.forget)
            case Kind.SERVER_SENT_EVENTS:
                serve = sse.serve
            case Kind.WEBSOCKETS:
                serve = websocket.serve
        connection.kind = kind
        try:
            return await serve(request, connection, self._now)
        finally:
            if connection.ended:
                self._registry.forget(connection)

    def _check_kind(self, connection: Connection, kind: Kind) -> None:
        """Raises HttpFault 400, 404, 409."""
        if connection.kind is not None and connection.kind is not kind:
            raise HttpFault(400, "transport-changed", f"this connection goes by {connection.kind}")
        if kind is Kind.LONG_POLLING:
            return
        if connection.ended:
            raise HttpFault(404, "connection-unknown", "this connection has ended", field="id")
        if connection.kind is not None and (connection.resume is None or connection.codec is None):
            raise HttpFault(409, "connection-active", "this connection is open already")

    async def _post(self, request: web.Request) -> web.Response:
        identity = await self._identify(request)
        connection = self._found(request, identity)
        if connection.kind is Kind.WEBSOCKETS:
            raise HttpFault(405, "transport-duplex", "a WebSocket carries both directions", headers={"Allow": "GET"})
        if connection.carrier is None:
            raise HttpFault(404, "connection-unknown", "this connection has no transport", field="id")
        limit = max(self._settings.max_upload, 2 * self._settings.max_message)
        body = await read_body(request, limit, _BODY_TIMEOUT)
        await connection.feed(body)
        return web.Response(content_type="text/plain")

    async def _delete(self, request: web.Request) -> web.Response:
        identity = await self._identify(request)
        connection = self._found(request, identity)
        if connection.kind is not Kind.LONG_POLLING:
            raise HttpFault(400, "transport-not-polled", "only Long Polling ends by DELETE")
        connection.end(say=False)
        self._registry.forget(connection)
        return web.Response(status=202, content_type="text/plain")

    async def _preflight(self, request: web.Request) -> web.Response:
        if "Access-Control-Request-Method" not in request.headers:
            return problem(405, "method-not-allowed", "this address takes other methods")
        return web.Response(status=204)

    async def _cors(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Listed pages may read the answers, with credentials: the client sends its own headers, and asks for both."""
        path = self._settings.path.rstrip("/")
        origin = request.headers.get("Origin", "")
        if request.path not in (path, f"{path}/", f"{path}/negotiate") or not self._is_listed(origin):
            return
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Allow-Credentials"] = "true"
        answer.headers["Vary"] = "Origin"
        if request.method == "OPTIONS":
            answer.headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE"
            if asked := request.headers.get("Access-Control-Request-Headers"):
                answer.headers["Access-Control-Allow-Headers"] = asked


def _kind(request: web.Request) -> Kind:
    if request.headers.get("Upgrade", "").lower() == "websocket":
        return Kind.WEBSOCKETS
    if "text/event-stream" in request.headers.get("Accept", ""):
        return Kind.SERVER_SENT_EVENTS
    return Kind.LONG_POLLING

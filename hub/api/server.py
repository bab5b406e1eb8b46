"""The HTTP server: listens, bounds its connections, and stops without dropping what is in flight.

Invariant: without authentication it listens on loopback only, whatever it is told. Once stopped nothing is accepted,
and every request whose head had arrived was answered or had its time.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

import msgspec
from aiohttp import web

from hub.api.connection import Connection, Open, Refusal
from hub.errors import HubError
from hub.telemetry import get_logger

_log = get_logger("hub.http")

_BACKLOG = 1024
_CUT_OFF = 1.0
"""Seconds that requests get which outlived the drain, once they are told to stop."""


class CannotListen(HubError):
    """The address cannot be listened on; the message names it and says what to do."""

    code = "cannot-listen"


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in seconds. `authenticated`: callers need tokens, so that other addresses than loopback are safe.

    `keep_alive` is longer than what proxies keep idle connections for, so that they close first.
    """

    max_connections: int = 1000
    request_timeout: float = 30.0
    keep_alive: float = 75.0
    drain_timeout: float = 15.0
    lingering: float = 5.0
    authenticated: bool = False


class HttpServer:
    """start, stop; both tolerate being called twice."""

    def __init__(self, host: str, port: int, app: web.Application, settings: ServerSettings | None = None) -> None:
        """`port` 0 takes a free one; `address` tells which."""
        self._host = host
        self._port = port
        self._settings = settings or ServerSettings()
        self._runner = web.AppRunner(app, shutdown_timeout=_CUT_OFF, access_log=None, handle_signals=False)
        self._listening: list[asyncio.Server] = []
        self._open = Open()
        self._refused = 0
        self.address = ""
        """`http://host:port` once started."""

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._open.connections)

    @property
    def in_flight(self) -> int:
        """How many requests are being handled."""
        return sum(connection.busy for connection in self._open.connections)

    async def start(self) -> None:
        """Listen. Raises CannotListen."""
        if self._listening:
            return
        self._open = Open()
        addresses = await self._resolve()
        sockets = self._bind(addresses)
        try:
            await self._runner.setup()
        except BaseException:
            for bound in sockets:
                bound.close()
            raise
        loop = asyncio.get_running_loop()
        for bound in sockets:
            self._listening.append(await loop.create_server(self._connection, sock=bound, backlog=_BACKLOG))
        self.address = f"http://{_shown(self._host)}:{sockets[0].getsockname()[1]}"
        _log.debug("listening", address=self.address)

    async def stop(self) -> None:
        """Stop accepting, let what is in flight be answered (`drain_timeout`), close the rest."""
        listening, self._listening = self._listening, []
        for server in listening:
            server.close()
        await self._drained()
        await self._runner.cleanup()
        for server in listening:
            await server.wait_closed()

    async def _drained(self) -> None:
        """Wait until every request in flight is answered; idle connections are closed at once."""
        for _ in range(3):  # a request that has arrived takes so many turns of the loop until it is being handled
            await asyncio.sleep(0)
        self._open.closing = True
        for connection in list(self._open.connections):
            connection.close_when_idle()
        try:
            async with asyncio.timeout(self._settings.drain_timeout):
                while self._open.connections:
                    self._open.ended.clear()
                    await self._open.ended.wait()
        except TimeoutError:
            _log.warning("requests were cut off: they outlived the drain", requests=self.connections)

    def _connection(self) -> asyncio.Protocol:
        server = self._runner.server
        if server is None or self.connections >= self._settings.max_connections:
            self._refused += 1
            if self._refused == 1:
                _log.warning("connections are refused: too many are open", limit=self._settings.max_connections)
            return Refusal(self._refusal_ended)
        return Connection(
            server,
            self._open,
            loop=asyncio.get_running_loop(),
            timeout=self._settings.request_timeout,
            keepalive_timeout=self._settings.keep_alive,
            lingering_time=self._settings.lingering,
            access_log=None,
            auto_decompress=False,
        )

    def _refusal_ended(self) -> None:
        if self.connections < self._settings.max_connections:
            self._refused = 0  # the next crowd is worth a new line in the log

    async def _resolve(self) -> Sequence[tuple[int, tuple[Any, ...]]]:
        """(family, address) of each interface that `host` names. Raises CannotListen."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
        except OSError as error:
            raise CannotListen(f"http.host {self._host!r} is no address of this machine: {error.strerror}") from error
        addresses = list(dict.fromkeys((int(family), address) for family, _, _, _, address in found))
        outward = [address for _, address in addresses if not ip_address(str(address[0]).partition("%")[0]).is_loopback]
        if outward and not self._settings.authenticated:
            raise CannotListen(
                f"http.host {self._host!r} can be reached from outside, but no token is needed to call the hub: "
                'set auth.tokens, or auth.required with a token of "hub token create", or listen on 127.0.0.1'
            )
        return addresses

    def _bind(self, addresses: Sequence[tuple[int, tuple[Any, ...]]]) -> list[socket.socket]:
        """A listening socket for each address, all on one port. Raises CannotListen."""
        bound: list[socket.socket] = []
        port = self._port
        try:
            for family, address in addresses:
                found = _bound_socket(family, (address[0], port, *address[2:]))
                if found is None:
                    continue
                bound.append(found)
                port = found.getsockname()[1]
        except OSError as error:
            for one in bound:
                one.close()
            raise CannotListen(_why(self._host, port, error)) from error
        if not bound:
            raise CannotListen(f"this machine has no address for http.host {self._host!r}")
        return bound


def _bound_socket(family: int, address: tuple[Any, ...]) -> socket.socket | None:
    """A bound socket; None where the machine does not have that family ("localhost" names ::1 all the same)."""
    try:
        made = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:
            return None
        raise
    try:
        if os.name == "posix":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setblocking(False)
        made.bind(address)
    except OSError as error:
        made.close()
        if error.errno == errno.EADDRNOTAVAIL and family == socket.AF_INET6:
            return None
        raise
    return made


def _why(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"port {port} on {host} is in use by another program: stop that, or choose a port "
                "with http.port or the variable PORT"
            )
        case errno.EACCES:
            return f"port {port} on {host} is not allowed for this user: choose one above 1023 with http.port or PORT"
    return f"cannot listen on {host}:{port}: {error.strerror or error}"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host

"""How a connection is opened and how one is ended whose statement still runs.

Invariant: every connection is READ COMMITTED, strict, in UTC, counts the rows it found (and not only those it changed),
and takes one statement at a time: the driver would let a handler send "…; COMMIT".
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from asyncmy.connection import Connection
from asyncmy.constants import CLIENT, FIELD_TYPE
from asyncmy.converters import conversions

from hub.db.greeting import reason_of
from hub.db.mysql.faults import translate
from hub.db.mysql.instants import from_server
from hub.db.settings import DatabaseSettings
from hub.db.url import Address
from hub.errors import DatabaseUnavailable

_log = logging.getLogger("hub.db")
_MODE = (
    "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,"
    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
)
_LOCK_WAIT = 10
"""Seconds for which the hub's own statements wait for a lock; handlers have the server's own limit."""
_QUIT = b"\x01\x00\x00\x00\x01"
"""COM_QUIT: a packet of one byte, the first of its conversation."""


class Server(NamedTuple):
    """What a connection's server said of itself when it was opened."""

    name: str
    version: str
    largest: int

    @property
    def mariadb(self) -> bool:
        return "mariadb" in self.version.lower()


class Connector:
    """Opens connections to one address."""

    def __init__(self, address: Address, settings: DatabaseSettings) -> None:
        self._address = address
        self._settings = settings
        self._servers: WeakKeyDictionary[Any, Server] = WeakKeyDictionary()
        self._tls, self._tls_may_fail = _tls(address)
        self._kills: set[asyncio.Task[None]] = set()

    async def open(self, *, autocommit: bool = True, own: bool = True) -> Any:
        """A connection, in autocommit unless said otherwise. `own`: for the hub's own statements, whose times come with
        their zone. Raises DatabaseUnavailable with the address (never its password)."""
        try:
            return await self._open(autocommit, own)
        except Exception as error:
            reason = (
                reason_of(error, self._address)
                or str(translate(error) or f"{type(error).__name__}: {error}").splitlines()[0]
            )
            raise DatabaseUnavailable(f"cannot connect to {self._address.masked}: {reason}") from error

    def server(self, connection: Any) -> Server:
        """The server of a connection opened here."""
        return self._servers[connection]

    def abandon(self, connection: Any) -> None:
        """Close a connection that may be in the middle of a statement. The server would go on with that to its end, and
        keep its locks: it is told to stop through a connection of its own."""
        connection.close()
        server = self._servers.get(connection)
        if server is None:
            return
        kill = asyncio.get_running_loop().create_task(self._kill(connection.thread_id(), server))
        self._kills.add(kill)
        kill.add_done_callback(self._kills.discard)

    async def settle(self) -> None:
        """Wait for what `abandon` began."""
        await asyncio.gather(*self._kills, return_exceptions=True)

    async def _open(self, autocommit: bool, own: bool) -> Any:
        if self._tls is None or not self._tls_may_fail:
            return await self._connect(self._tls, autocommit, own)
        try:
            return await self._connect(self._tls, autocommit, own)
        except TimeoutError:
            raise  # a server speaks before it is asked for TLS: without it, this one would be as silent
        except Exception as error:
            plain = await self._connect(None, autocommit, own)
            _log.debug("%s does without TLS: %s", self._address.masked, error)
            self._tls = None
            return plain

    async def _connect(self, tls: ssl.SSLContext | None, autocommit: bool, own: bool) -> Any:
        address = self._address
        connection: Any = Connection(  # type: ignore[no-untyped-call]  # its stub says nothing
            host=None if address.host.startswith("/") else address.host,
            unix_socket=address.host if address.host.startswith("/") else None,
            port=address.port,
            user=address.user,
            password=(address.password or "").encode(),
            database=address.database,
            charset="utf8mb4",
            client_flag=CLIENT.FOUND_ROWS,
            conv=_OWN_CONVERSIONS if own else None,
            connect_timeout=max(1, round(self._settings.connect_timeout)),
            program_name=self._settings.application_name,
            autocommit=autocommit,
            ssl=tls,
        )
        connection._client_flag &= ~CLIENT.MULTI_STATEMENTS
        async with asyncio.timeout(self._settings.connect_timeout):
            await connection.connect()
            try:
                cursor = connection.cursor()
                idle = int(self._settings.transaction_timeout) + 1
                # A worker that hangs, or lies behind a cut network, stops holding its locks.
                await cursor.execute(f"SET SESSION sql_mode = '{_MODE}', time_zone = '+00:00', wait_timeout = {idle}")
                # A server may refuse updates of all rows, and begin anew with each commit.
                await cursor.execute("SET SESSION sql_safe_updates = 0, completion_type = 0")
                if own:
                    await cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {_LOCK_WAIT}")
                await cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
                await cursor.execute("SELECT @@hostname, VERSION(), @@max_allowed_packet")
                self._servers[connection] = Server(*(await cursor.fetchall())[0])
            except BaseException:
                connection.close()
                raise
        return connection

    async def _kill(self, thread: int, server: Server) -> None:
        try:
            other = await self.open()
        except DatabaseUnavailable:
            return  # the server will find out by itself
        try:
            if self._servers[other].name == server.name:
                await other.cursor().execute(f"KILL {int(thread)}")
        except Exception as error:
            _log.debug("the statement of connection %d was not stopped: %s", thread, error)
        finally:
            leave(other)


def leave(connection: Any) -> None:
    """Close a connection on which nothing runs. The server is told: what just goes it counts, and logs, as aborted."""
    transport = connection._transport
    if transport is not None and not transport.is_closing():
        transport.write(_QUIT)
    connection.close()


def _tls(address: Address) -> tuple[ssl.SSLContext | None, bool]:
    """(context, whether to go on without) for libpq's words; `prefer` unless the address says more."""
    mode = address.options.get("sslmode", "prefer")
    if mode in ("disable", "allow") or address.host.startswith("/"):
        return None, False
    context = ssl.create_default_context()
    context.check_hostname = mode == "verify-full"
    if mode not in ("verify-ca", "verify-full"):
        context.verify_mode = ssl.CERT_NONE
    return context, mode == "prefer"


_OWN_CONVERSIONS = {**conversions, FIELD_TYPE.DATETIME: from_server, FIELD_TYPE.TIMESTAMP: from_server}

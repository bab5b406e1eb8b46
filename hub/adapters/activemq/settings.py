"""What the adapter is told, checked whole before anything is dialled.

Invariant: a password, a user or a name that reaches a CONNECT frame holds no line end: that frame knows no escapes.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from hub.adapters.entry import read
from hub.adapters.tls import Tls, dialling
from hub.errors import Rejected
from hub.telemetry import get_logger

PORTS: Final = {"stomp": 61613, "stomps": 61614}
_log = get_logger("hub.adapters.activemq")


class Host(msgspec.Struct, frozen=True):
    """One address of a broker."""

    name: str
    port: int

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The entry of configuration.json as the adapter uses it; times in seconds.

    `hosts` are tried in their order. `client_id` makes subscriptions to topics durable. `prefetch` is how many messages
    of one subscription the broker sends ahead of their acknowledgement.
    """

    hosts: tuple[Host, ...]
    secure: bool
    username: str | None
    password: str | None
    vhost: str
    client_id: str | None
    prefetch: int
    heartbeat: float
    receipt_timeout: float
    connect_timeout: float
    tls: Tls

    def tls_context(self) -> ssl.SSLContext | None:
        """None without TLS. Raises Permanent when a file cannot be used."""
        return dialling(self.tls) if self.secure else None


class _Entry(msgspec.Struct, kw_only=True):
    """The settings as they come."""

    url: str
    username: str | None = None
    password: str | None = None
    tls: Tls | None = None
    vhost: str | None = None
    client_id: str | None = None
    prefetch: int = 100
    heartbeat: float = 10.0
    receipt_timeout: float = 30.0
    connect_timeout: float = 10.0


def settings_of(name: str, given: Mapping[str, Any]) -> Settings:
    """The settings of the adapter `name`. Raises Rejected, naming the field."""
    entry = read(given, _Entry)
    secure, username, password, hosts = _address(entry.url)
    username, password = entry.username or username, entry.password or password
    client_id, vhost = entry.client_id or None, entry.vhost or "/"
    for field, text in (("username", username), ("password", password), ("vhost", vhost), ("client_id", client_id)):
        if text is not None and any(sign in text for sign in "\r\n\0"):
            raise Rejected("must hold neither a line end nor U+0000: STOMP cannot carry them at log-in", field=field)
    if entry.tls is not None and not secure:
        raise Rejected("tls is set, but the address begins with stomp://: write stomps://", field="url")
    if entry.prefetch < 1:
        raise Rejected("must be at least 1", field="prefetch")
    for field, value in (("receipt_timeout", entry.receipt_timeout), ("connect_timeout", entry.connect_timeout)):
        if value <= 0:
            raise Rejected("must be longer than 0", field=field)
    settings = Settings(
        hosts=hosts,
        secure=secure,
        username=username,
        password=password,
        vhost=vhost,
        client_id=client_id,
        prefetch=entry.prefetch,
        heartbeat=max(0.0, entry.heartbeat),
        receipt_timeout=entry.receipt_timeout,
        connect_timeout=entry.connect_timeout,
        tls=entry.tls or Tls(),
    )
    if secure:
        settings.tls.context()
    if settings.tls.insecure:
        _log.warning("the broker's certificate is not verified", adapter=name, field="tls.insecure")
    return settings


def _address(url: str) -> tuple[bool, str | None, str | None, tuple[Host, ...]]:
    """TLS or not, user, password and hosts of `stomp[s]://[user[:password]@]host[:port][,host[:port]…]`."""
    scheme, _, rest = url.partition("://")
    if scheme not in PORTS:
        raise Rejected("expected an address that begins with stomp:// or stomps://", field="url")
    place, _, path = rest.partition("/")
    if path:
        raise Rejected("an address ends with its host and port; a virtual host is named by vhost", field="url")
    user, at, hosts = place.rpartition("@")
    username, _, password = user.partition(":")
    return (
        scheme == "stomps",
        unquote(username) or None if at else None,
        unquote(password) or None if at else None,
        tuple(_host(text.strip().removeprefix(f"{scheme}://"), PORTS[scheme]) for text in hosts.split(",")),
    )


def _host(text: str, port: int) -> Host:
    name, colon, number = text.rpartition(":")
    if not colon or text.endswith("]"):
        name, number = text, str(port)
    name = name.removeprefix("[").removesuffix("]")
    if not name or not number.isdecimal() or not 0 < int(number) < 65_536:
        raise Rejected(f"{text!r} is no host and port, like broker.example:{port}", field="url")
    return Host(name, int(number))

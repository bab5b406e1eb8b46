"""What a Kafka adapter is told, and the address in it taken apart.

Invariant: pure but for reading certificates. What cannot be right is refused here, with the name of its field, before
anything connects.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import unquote

import msgspec

from hub.adapters.entry import read
from hub.adapters.tls import Tls, dialling
from hub.errors import Rejected

DEFAULT_PORT: Final = 9092


class KafkaSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An adapter's entry in configuration.json; durations in seconds.

    `max_records`: how many records one delivery holds at most. `session_timeout`: the broker gives the partitions of a
    member that it has not heard for so long to others. `refresh`: how often the broker is asked for new topics of a
    pattern and for new partitions.
    """

    url: str
    group: str = "hub"
    client_id: str = "hub"
    username: str | None = None
    password: str | None = None
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    tls: Tls | None = None
    group_instance_id: str | None = None
    max_records: int = 500
    session_timeout: float = 10.0
    refresh: float = 30.0


class Address(msgspec.Struct, frozen=True):
    """The brokers to begin with, and how to speak to them."""

    hosts: tuple[tuple[str, int], ...]
    encrypted: bool
    username: str | None
    password: str | None

    @property
    def protocol(self) -> str:
        """Kafka's name for the mixture."""
        return f"{'SASL_' if self.username is not None else ''}{'SSL' if self.encrypted else 'PLAINTEXT'}"

    def __str__(self) -> str:
        return ",".join(f"{f'[{host}]' if ':' in host else host}:{port}" for host, port in self.hosts)


def settings_of(given: Mapping[str, Any]) -> KafkaSettings:
    """Raises Rejected, naming the field."""
    return read(given, KafkaSettings)


def address_of(settings: KafkaSettings) -> Address:
    """`kafka://host:port,host:port`, `kafkas://` for TLS; a user before an @ is taken too. Raises Rejected."""
    scheme, _, rest = settings.url.partition("://")
    if scheme not in ("kafka", "kafkas") or not rest:
        raise Rejected("url: expected kafka://host:port[,host:port], or kafkas:// with TLS", field="url")
    login, _, listed = rest.rpartition("@")
    user, _, secret = login.partition(":")
    hosts = tuple(_host(text) for text in listed.rstrip("/").split(","))
    username = settings.username if settings.username is not None else unquote(user) or None
    password = settings.password if settings.password is not None else unquote(secret) or None
    if username is not None and password is None:
        raise Rejected("password: a user needs one", field="password")
    return Address(hosts, scheme == "kafkas" or settings.tls is not None, username, password)


def tls_context(address: Address, settings: KafkaSettings) -> ssl.SSLContext | None:
    """None without TLS. Raises Permanent when a file cannot be used."""
    return dialling(settings.tls) if address.encrypted else None


def _host(text: str) -> tuple[str, int]:
    name, colon, port = text.strip().rpartition(":")
    if not colon or text.endswith("]"):
        name, port = text.strip(), str(DEFAULT_PORT)
    name = name.removeprefix("[").removesuffix("]")
    if not name or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise Rejected(f"url: {text!r} is no host:port", field="url")
    return name, int(port)

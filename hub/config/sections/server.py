"""What the process stands on: database, cache, log, its own HTTP port, and who may call it.

Invariant: the defaults alone are safe: loopback, bounded bodies, no token that anybody knows.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from hub.config.faults import Invalid, quoted
from hub.config.secrets import SecretUrl
from hub.config.values import Address, Count, Listed, Name, PositiveDuration, SecretText, Section, Sha256, Size, Text

RESERVED_CONNECTIONS = 3
"""Connections beside the pool, so that no handler can starve them: heartbeat, rescue, health."""

DATABASE_SCHEMES = ("sqlite", "postgresql", "postgres", "mysql", "mariadb")

DatabaseUrl = Annotated[SecretUrl, Address(DATABASE_SCHEMES)]
ListenUrl = Annotated[SecretUrl, Address(("postgresql", "postgres"))]
CacheUrl = Annotated[SecretUrl, Address(("redis", "rediss", "redis+sentinel", "rediss+sentinel", "memcached"))]


class Database(Section):
    url: DatabaseUrl = Field(
        default=SecretUrl("sqlite:///data/hub.db"),
        description="sqlite:///file, postgresql://user@host/name or mysql://user@host/name; a password inside is "
        "written as ${env:NAME}, percent-encoded there.",
    )
    pool: int = Field(
        default=16,
        ge=1,
        le=10_000,
        description="How many job transactions may be open at once in a process. It bounds transactions, not "
        f"concurrency; {RESERVED_CONNECTIONS} more connections are kept for heartbeat, rescue and health.",
    )
    migrate: Literal["auto", "check"] = Field(
        default="auto", description='"auto" brings the schema up at start, "check" refuses to start when it is behind.'
    )
    listen_url: ListenUrl | None = Field(
        default=None,
        description="A direct connection for LISTEN, where `url` leads through a pooler such as PgBouncer.",
    )
    transaction_warning: PositiveDuration = Field(
        default=5.0, description="A job's transaction open longer is named in the log."
    )
    transaction_timeout: PositiveDuration = Field(
        default=60.0, description="A job's transaction open longer fails its attempt."
    )

    @property
    def connections(self) -> int:
        """How many connections one process may hold, to be compared with the server's limit."""
        return self.pool + RESERVED_CONNECTIONS


class Cache(Section):
    adapter: Literal["redis", "memcached", "memory"] = Field(description="Which cache; it only makes the hub quicker.")
    url: CacheUrl | None = Field(
        default=None,
        description="redis://host:6379/0, rediss:// for TLS, redis+sentinel://host:26379,host:26379/MASTER/0, or "
        "memcached://host:11211; not for memory.",
    )
    prefix: str = Field(
        default="hub:", max_length=100, description="Begins every key, so that several hubs may share a cache."
    )
    timeout: PositiveDuration = Field(default=1.0, description="A slower answer counts as none.")


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Token(Section):
    name: Name
    role: Literal["viewer", "operator", "admin"]
    sha256: Sha256 = Field(
        repr=False, description="The SHA-256 of the token in hexadecimal; the token itself is kept nowhere."
    )


class Auth(Section):
    tokens: Listed[Token] = Field(default=(), description="Tokens of the file; `hub token create` makes others.")
    required: bool | None = Field(
        default=None,
        description="Whether every call needs a token. Left out: as soon as `tokens` has one. True: also when all "
        "tokens are kept in the database.",
    )

    @property
    def enforced(self) -> bool:
        """Whether the file alone asks for a token on every call."""
        return bool(self.tokens) if self.required is None else self.required


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise Invalid(f"{quoted(text)} is no network", 'write it like "10.1.0.0/16"') from None


class Outbound(Section):
    """What requests to the outside may reach."""

    allowed_hosts: Listed[Text] = Field(default=(), description="Only these hosts; empty: every public one.")
    allowed_networks: Listed[Annotated[str, AfterValidator(_network)]] = Field(
        default=(), description="Private networks (CIDR) that may be reached all the same."
    )


class Http(Section):
    host: Text = Field(default="127.0.0.1", description="An address that is not loopback needs `auth`.")
    port: int = Field(default=8080, ge=0, le=65535, description="0 takes a free one.")
    max_body: Size = Field(default=2**20, description="The largest HTTP body; a route may say otherwise.")
    max_payload: Size = Field(default=16 * 2**20, description="The largest payload that arrives by anything but HTTP.")
    max_depth: int = Field(default=32, ge=1, le=500, description="How deep JSON may be nested.")
    max_connections: Count = Field(default=1000, description="Connections at once; more are refused.")
    request_timeout: PositiveDuration = Field(default=30.0, description="How long a request may take to arrive.")
    high_water: Count = Field(default=100_000, description="With this many jobs waiting the intake answers 503.")
    rate_limit: float | None = Field(
        default=None, gt=0, description="Requests a second for each token; more are answered 429."
    )
    allowed_hosts: Listed[Text] = Field(
        default=(),
        description="Values of the Host header that are answered, beside the hub's own address.",
    )
    allowed_origins: Listed[Text] = Field(
        default=(), description="Pages that may call the hub from a browser, like https://app.example."
    )
    outbound: Outbound = Outbound()


class Destination(Section):
    """A place that outbound HTTP goes to, by its name."""

    url: Annotated[SecretUrl, Address(("https", "http"))]
    secret: SecretText | None = Field(default=None, description="Signs each request (Standard Webhooks).")
    headers: dict[str, SecretStr] = Field(default={})
    method: Literal["POST", "PUT", "PATCH"] = Field(default="POST", description="For what is published to it.")
    timeout: PositiveDuration = Field(default=30.0, description="For the whole request.")
    connect_timeout: PositiveDuration = 5.0

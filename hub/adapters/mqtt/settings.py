"""What a configuration says about one MQTT adapter, and what follows from it: address, TLS, identity of the session.

Invariant: nothing here connects.
"""

from __future__ import annotations

import math
import ssl
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

import msgspec

from hub.adapters.entry import read
from hub.adapters.tls import Tls, dialling
from hub.errors import Rejected
from hub.telemetry import get_logger

_log = get_logger("hub.adapters.mqtt")

_PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
_LONGEST = 0xFFFF_FFFF
DEFAULT_PATH = "/mqtt"


class Announcement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message about the hub itself: the will, or the birth message."""

    topic: str
    payload: str = ""
    qos: Literal[0, 1] = 1
    retain: bool = False


class Address(msgspec.Struct, frozen=True):
    """Where the broker is; `path` is for websockets only."""

    host: str
    port: int
    secure: bool
    path: str | None

    @property
    def text(self) -> str:
        return f"{self.host}:{self.port}"


class MqttSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of `adapters` in configuration.json; durations in seconds."""

    url: str
    username: str | None = None
    password: str | None = None
    tls: Tls | None = None
    client_id: Annotated[str, msgspec.Meta(min_length=1)] = "hub"
    version: Literal["5", "3.1.1"] = "5"
    qos: Literal[0, 1] = 1
    session_expiry: float = 86_400.0
    keepalive: float = 60.0
    receive_maximum: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 100
    retained: bool = True
    share: bool = False
    group: str = "hub"
    will: Announcement | None = None
    birth: Announcement | None = None

    @property
    def five(self) -> bool:
        return self.version == "5"

    @property
    def keepalive_seconds(self) -> int:
        """As the protocol counts: whole seconds, in 16 bits."""
        return max(1, min(65_535, math.ceil(self.keepalive)))

    @property
    def expiry_seconds(self) -> int:
        return min(_LONGEST, math.ceil(self.session_expiry))

    @property
    def address(self) -> Address:
        split = urlsplit(self.url)
        path = (split.path if split.path not in ("", "/") else DEFAULT_PATH) if split.scheme in ("ws", "wss") else None
        port = split.port or _PORTS[split.scheme]
        return Address(split.hostname or "127.0.0.1", port, split.scheme in ("mqtts", "wss"), path)

    @property
    def credentials(self) -> tuple[str | None, str | None]:
        """User and password; those of the address stand in where the settings have none."""
        split = urlsplit(self.url)
        username = self.username if self.username is not None else _plain(split.username)
        password = self.password if self.password is not None else _plain(split.password)
        return username, password

    def tls_context(self) -> ssl.SSLContext:
        """Raises Permanent for files that cannot be used."""
        if self.tls is not None and self.tls.insecure:
            _log.warning("the broker's certificate is not verified: tls.insecure is set", broker=self.address.text)
        return dialling(self.tls)


def parse(settings: Mapping[str, Any]) -> MqttSettings:
    """The settings of one adapter. Raises Rejected, naming the field."""
    parsed = read(settings, MqttSettings)
    split = urlsplit(parsed.url)
    try:
        usable = split.scheme in _PORTS and bool(split.hostname) and split.port != 0
    except ValueError:  # a port that is no number
        usable = False
    if not usable:
        raise Rejected('expected an address like "mqtt://host:1883", mqtts://, ws:// or wss://', field="url")
    if parsed.tls is not None and split.scheme not in ("mqtts", "wss"):
        secure = "wss" if split.scheme == "ws" else "mqtts"
        raise Rejected(f'tls is set, but the address is not encrypted: write "{secure}://…"', field="url")
    for name in ("will", "birth"):
        announcement: Announcement | None = getattr(parsed, name)
        if announcement is not None and (not announcement.topic or set(announcement.topic) & set("+#")):
            raise Rejected("a topic to send to is not empty and has no wildcard", field=f"{name}.topic")
    return parsed


def _plain(text: str | None) -> str | None:
    return None if text is None else unquote(text)

"""What the adapter is told, checked before anything is dialled.

Invariant: a wrong setting is Rejected and names its field; durations are in seconds, sizes in bytes.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from hub.errors import Rejected
from hub.telemetry import get_logger

_log = get_logger("hub.adapters.signalr_client")


class Tls(msgspec.Struct, frozen=True):
    """Files, in PEM; `insecure` leaves the server's certificate unchecked."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    insecure: bool = False


class Greeting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is invoked after each connect, so that the server sends what is wanted: to join a group, say."""

    target: str
    arguments: tuple[Any, ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of `adapters` in configuration.json."""

    url: str
    token: str | None = None
    protocol: Literal["json", "messagepack"] = "json"
    greetings: tuple[Greeting, ...] = ()
    negotiate: bool = True
    exclusive: bool = True
    timeout: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    keepalive: Annotated[float, msgspec.Meta(gt=0)] = 15.0
    server_timeout: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    max_message: Annotated[int, msgspec.Meta(gt=0)] = 1024 * 1024
    inbox: Annotated[int, msgspec.Meta(gt=0)] = 1000
    tls: Tls | None = None

    def tls_context(self) -> ssl.SSLContext:
        """A context that verifies the server unless told otherwise. Raises Rejected, naming the file at fault."""
        tls = self.tls or Tls()
        try:
            context = ssl.create_default_context(cafile=tls.ca)
            if tls.certificate is not None:
                context.load_cert_chain(tls.certificate, tls.key)
        except (OSError, ssl.SSLError) as error:
            raise Rejected(f"a file in PEM cannot be used: {error}", field="tls") from error
        if tls.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def settings_of(name: str, entry: Mapping[str, Any]) -> Settings:
    """Raises Rejected, naming the field."""
    try:
        settings = msgspec.convert(dict(entry), Settings, strict=False)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        raise Rejected(what, field=where.strip("`").removeprefix("$.") or None) from error
    settings.tls_context()
    if settings.tls is not None and settings.tls.insecure:
        _log.warning("the server's certificate is not verified", adapter=name)
    return settings

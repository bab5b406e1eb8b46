"""A destination: a place that webhooks go to, by its name in the configuration.

Invariant: every attempt at a message carries the same ids (`webhook-id`, `Idempotency-Key`, `hub-message-id`), so that
a receiver can tell the second from the first; with a secret each is signed anew, by Standard Webhooks.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from yarl import URL

from hub.adapters.http.client import Call, Gone, HttpClient
from hub.adapters.http.signatures import StandardWebhooks
from hub.clock import Clock
from hub.errors import Permanent, Rejected
from hub.model import Outgoing
from hub.ports import Features, HttpRequest

TOPIC_HEADER: Final = "hub-topic"
_OURS: Final = frozenset(("host", "content-length", "transfer-encoding", "connection"))


class DestinationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds. `headers` go with every request, `secret` signs it."""

    url: str
    secret: str | None = None
    headers: Mapping[str, str] = {}
    method: str = "POST"
    timeout: float = 30.0
    connect_timeout: float = 5.0


class Destination:
    """A Sink without a connection to keep. One that has answered 410 is asked no more; an edit or a
    new start makes another."""

    features = Features(headers=True, keys=True)

    def __init__(self, name: str, settings: DestinationSettings, client: HttpClient, clock: Clock) -> None:
        """Raises Rejected for a secret that cannot sign."""
        self.name = name
        self._settings = settings
        self._client = client
        self._clock = clock
        self._gone = False
        try:
            self._key = StandardWebhooks.key(settings.secret) if settings.secret is not None else None
        except ValueError as error:
            raise Rejected(str(error), field=f"destinations.{name}.secret") from error

    async def send(self, message: Outgoing) -> dict[str, Any]:
        """POST the body. A topic that begins with "/" is appended to the address, any other travels in a header.

        Answers `{"status", "headers", "body"}`. Raises Transient, Retry, Permanent.
        """
        path, headers = "", dict(message.headers)
        if message.topic.startswith("/"):
            path = message.topic
        else:
            headers[TOPIC_HEADER] = message.topic
        return await self.request(
            HttpRequest(
                id=message.id,
                path=path,
                method=self._settings.method,
                headers=headers,
                body=message.body,
                content_type=message.content_type,
            )
        )

    async def request(self, request: HttpRequest) -> dict[str, Any]:
        """One attempt at a request to this place."""
        if self._gone:
            raise Gone(f"{self.name} has answered 410: nothing is sent there any more")
        settings = self._settings
        url = _behind(settings.url, request.path)
        if request.path.startswith("/") and not _within(settings.url, url):
            raise Permanent(f"path {request.path!r} leads out of the destination {self.name}")
        call = Call(
            method=request.method,
            url=url,
            headers=self._headers(request),
            body=request.body,
            timeout=request.timeout or settings.timeout,
            connect_timeout=settings.connect_timeout,
        )
        try:
            return await self._client.call(call)
        except Gone:
            self._gone = True
            raise

    def _headers(self, request: HttpRequest) -> dict[str, str]:
        stamp = str(int(self._clock.now().timestamp()))
        headers = {
            **identified(request),
            **self._settings.headers,
            "webhook-id": request.id,
            "webhook-timestamp": stamp,
        }
        if self._key is not None:
            content = f"{request.id}.{stamp}.".encode() + request.body
            digest = hmac.new(self._key, content, hashlib.sha256).digest()
            headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
        return headers


def _behind(url: str, path: str) -> str:
    """The address with `path` behind it; a query that either has stays at the end."""
    base, _, query = url.partition("?")
    path, _, more = path.partition("?")
    asked = "&".join(one for one in (query, more) if one)
    return (base.rstrip("/") + path if path else base) + (f"?{asked}" if asked else "")


def _within(url: str, asked: str) -> bool:
    """Whether an address lies below the destination's own, once its dots are followed: messages may name the path, and
    the destination's credentials go along."""
    try:
        return URL(asked).raw_path.startswith(URL(url).raw_path.rstrip("/") + "/")
    except ValueError:
        return True  # no address at all, as the client will say


def identified(request: HttpRequest) -> dict[str, str]:
    """The headers of a request with the ids by which its attempts are known. Raises Permanent for what is no header."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        if not name.isascii() or not value.isprintable() or any(mark in name for mark in ' \t\r\n:"'):
            raise Permanent(f"metadata.headers: {name!r} cannot travel as a header")
        if name.lower() not in _OURS:
            headers[name.lower()] = value
    if request.content_type is not None:
        headers["content-type"] = request.content_type
    return {**headers, "idempotency-key": request.id}

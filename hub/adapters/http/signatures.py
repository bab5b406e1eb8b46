"""Signed webhooks: who really sent a request, and under which id.

Invariant: the signature is checked over the bytes as they came, in constant time, against every secret there is
(several while one is being replaced), before anything is parsed. Where it covers a time, a request that lies more than
`tolerance` from now is refused, so that one that was overheard cannot be sent later; sent again at once it has the same
id.

Schemes, each by its publisher's documentation: Standard Webhooks (standardwebhooks.com), Svix, GitHub, Stripe, Slack,
Shopify.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Final, Protocol

import msgspec

from hub.errors import Rejected

TOLERANCE: Final = 300.0
_PREFIX: Final = "whsec_"


class Headers(Protocol):
    """A request's headers; names in any case."""

    def get(self, name: str, /) -> str | None: ...
    def getall(self, name: str, default: list[str], /) -> list[str]: ...
    def __contains__(self, name: object, /) -> bool: ...


class SignatureInvalid(Rejected):
    """The request does not show who sent it; `field` is the header at fault."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message, field=field, code="signature-invalid")


class Challenge(Exception):
    """The sender wants to know whether anybody is there: `text` is the answer."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Scheme(ABC):
    """Made with the secrets of one route. `verify` answers the sender's own id for the message, None if it has none."""

    name: ClassVar[str]

    def __init__(self, secrets: Iterable[str], tolerance: float = TOLERANCE) -> None:
        self._keys = tuple(self.key(secret) for secret in secrets)
        self._tolerance = tolerance
        if not self._keys:
            raise ValueError("a signature needs a secret")

    @classmethod
    def key(cls, secret: str) -> bytes:
        """The key that a secret stands for. Raises ValueError for one that is no secret of this scheme."""
        if not secret:
            raise ValueError("the secret is empty")
        return secret.encode()

    @abstractmethod
    def verify(self, headers: Headers, body: bytes, now: float) -> str | None:
        """`now` in seconds since 1970. Raises SignatureInvalid, Challenge."""

    def _matches(self, content: bytes, given: Sequence[bytes]) -> bool:
        """Whether one of the signatures is that of `content` by one of the keys; it takes the same time either way."""
        found = False
        for key in self._keys:
            wanted = hmac.new(key, content, hashlib.sha256).digest()
            for one in given:
                found |= hmac.compare_digest(wanted, one)
        return found

    def _fresh(self, stamp: str, now: float, header: str) -> None:
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            raise SignatureInvalid(f"{header} holds no time in seconds", header)
        if abs(now - int(stamp)) > self._tolerance:
            raise SignatureInvalid(f"{header} is more than {self._tolerance:g} s from this server's time", header)


class StandardWebhooks(Scheme):
    """HMAC-SHA256 of `id.timestamp.body`; several signatures (`v1,…`) stand in one header, with spaces between."""

    name = "standard-webhooks"
    prefixes: ClassVar[Sequence[str]] = ("webhook",)

    @classmethod
    def key(cls, secret: str) -> bytes:
        try:
            found = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error as error:
            raise ValueError(f'the secret is not base64 (they look like "{_PREFIX}…")') from error
        if not found:
            raise ValueError("the secret is empty")
        return found

    def verify(self, headers: Headers, body: bytes, now: float) -> str | None:
        prefix = next((one for one in self.prefixes if f"{one}-signature" in headers), self.prefixes[0])
        signature = only(headers, f"{prefix}-signature")
        identity, stamp = only(headers, f"{prefix}-id"), only(headers, f"{prefix}-timestamp")
        self._fresh(stamp, now, f"{prefix}-timestamp")
        given = [_base64(text[3:]) for text in signature.split() if text.startswith("v1,")]
        # Stray bytes of a header are surrogates in its text: what was signed are the bytes.
        if not self._matches(f"{identity}.{stamp}.".encode("utf-8", "surrogateescape") + body, given):
            raise mismatch(f"{prefix}-signature")
        return identity


class Svix(StandardWebhooks):
    """The same under Svix's own names of the headers, which its senders may also leave for the standard ones."""

    name = "svix"
    prefixes = ("svix", "webhook")


class GitHub(Scheme):
    """HMAC-SHA256 of the body; the signature covers neither time nor id, so GitHub's delivery id is taken as it is."""

    name = "github"

    def verify(self, headers: Headers, body: bytes, now: float) -> str | None:
        signature = only(headers, "X-Hub-Signature-256")
        if not self._matches(body, [_hex(signature, "sha256=")]):
            raise mismatch("X-Hub-Signature-256")
        return headers.get("X-GitHub-Delivery") or None


class Stripe(Scheme):
    """HMAC-SHA256 of `timestamp.body`; time and signatures stand in one header: `t=…,v1=…,v1=…`."""

    name = "stripe"

    def verify(self, headers: Headers, body: bytes, now: float) -> str | None:
        parts = [part.strip().partition("=") for part in only(headers, "Stripe-Signature").split(",")]
        stamps = [value for name, _, value in parts if name == "t"]
        if len(stamps) != 1:
            raise SignatureInvalid("Stripe-Signature holds no time, or two", "Stripe-Signature")
        self._fresh(stamps[0], now, "Stripe-Signature")
        given = [_hex(value) for name, _, value in parts if name == "v1"]
        if not self._matches(stamps[0].encode() + b"." + body, given):
            raise mismatch("Stripe-Signature")
        return _member(body, "id") or None


class Slack(Scheme):
    """HMAC-SHA256 of `v0:timestamp:body`. A request without an event's id is known by its signature."""

    name = "slack"

    def verify(self, headers: Headers, body: bytes, now: float) -> str | None:
        stamp = only(headers, "X-Slack-Request-Timestamp")
        signature = only(headers, "X-Slack-Signature")
        self._fresh(stamp, now, "X-Slack-Request-Timestamp")
        if not self._matches(f"v0:{stamp}:".encode() + body, [_hex(signature, "v0=")]):
            raise mismatch("X-Slack-Signature")
        if _member(body, "type") == "url_verification" and (challenge := _member(body, "challenge")):
            raise Challenge(challenge)
        return _member(body, "event_id") or signature


class Shopify(Scheme):
    """HMAC-SHA256 of the body in base64; Shopify's id of the event is taken as it is."""

    name = "shopify"

    def verify(self, headers: Headers, body: bytes, now: float) -> str | None:
        if not self._matches(body, [_base64(only(headers, "X-Shopify-Hmac-Sha256"))]):
            raise mismatch("X-Shopify-Hmac-Sha256")
        return headers.get("X-Shopify-Event-Id") or headers.get("X-Shopify-Webhook-Id") or None


SCHEMES: Final[dict[str, Callable[..., Scheme]]] = {
    scheme.name: scheme for scheme in (StandardWebhooks, Svix, GitHub, Stripe, Slack, Shopify)
}


def mismatch(header: str) -> SignatureInvalid:
    return SignatureInvalid("the signature is not that of this body by any of the route's secrets", header)


def only(headers: Headers, name: str) -> str:
    """The one value of a header: two of them could mean different things to two readers."""
    values = headers.getall(name, [])
    if len(values) != 1 or not values[0].strip():
        raise SignatureInvalid(f"{name} is missing" if not values else f"{name} must be there once", name)
    return values[0].strip()


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _hex(text: str, prefix: str = "") -> bytes:
    try:
        return bytes.fromhex(text.removeprefix(prefix)) if text.startswith(prefix) else b""
    except ValueError:
        return b""


def _member(body: bytes, name: str) -> str | None:
    """A member of the JSON object that the body is, if it is one and that is a text."""
    try:
        value: Any = msgspec.json.decode(body, type=dict[str, msgspec.Raw]).get(name)
        return None if value is None else msgspec.json.decode(value, type=str)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None

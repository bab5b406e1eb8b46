"""Who calls, and what they may: bearer tokens, three roles, a rate for each token.

Invariant: tokens are compared by their SHA-256 in constant time, and neither they nor their digests are logged. As long
as no token is asked for the caller is the admin of this machine; the server then listens on loopback only.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

import msgspec

from hub.adapters.http.answers import HttpFault, retry_after
from hub.clock import Clock

_CACHED_FOR = 10.0
_CACHED = 1000
_LONGEST = 512


class Role(IntEnum):
    """Each may do what those below it may. ANYONE needs no token."""

    ANYONE = 0
    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


class Caller(msgspec.Struct, frozen=True):
    """`name` is the token's, and what changes are signed with."""

    name: str
    role: Role


LOCAL = Caller("local", Role.ADMIN)
ANONYMOUS = Caller("anonymous", Role.ANYONE)


class KnownToken(msgspec.Struct, frozen=True):
    """A token of the configuration; `sha256` in hexadecimal."""

    name: str
    role: str
    sha256: str


class TokenStore(Protocol):
    """The tokens in the database."""

    async def find(self, sha256: str) -> tuple[str, str] | None:
        """(name, role) of the token with that digest, None if there is none or it was revoked."""
        ...


class Gate:
    """Finds the caller of a request. `enforced`: calls need a token."""

    def __init__(self, tokens: Sequence[KnownToken], store: TokenStore | None, clock: Clock, *, enforced: bool) -> None:
        self._tokens = tuple(tokens)
        self._store = store
        self._clock = clock
        self.enforced = enforced
        self._cache: dict[str, tuple[float, Caller | None]] = {}

    async def caller(self, authorization: str | None) -> Caller:
        """The caller by the Authorization header. Raises HttpFault 401 for a token that nobody has."""
        if not self.enforced:
            return LOCAL
        if authorization is None:
            return ANONYMOUS
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > _LONGEST:
            raise unauthorized("send the token as: Authorization: Bearer TOKEN")
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
        caller = self._of_configuration(digest) or await self._of_database(digest)
        if caller is None:
            raise unauthorized("this token is not known, or was revoked", error="invalid_token")
        return caller

    def _of_configuration(self, digest: str) -> Caller | None:
        found = None
        for token in self._tokens:  # all of them, so that the time taken tells nothing
            if hmac.compare_digest(token.sha256, digest):
                found = Caller(token.name, Role[token.role.upper()])
        return found

    async def _of_database(self, digest: str) -> Caller | None:
        if self._store is None:
            return None
        now = self._clock.monotonic()
        known = self._cache.get(digest)
        if known is not None and now < known[0]:
            return known[1]
        row = await self._store.find(digest)
        caller = None if row is None else Caller(row[0], Role[row[1].upper()])
        if len(self._cache) >= _CACHED:
            self._cache.clear()
        self._cache[digest] = (now + _CACHED_FOR, caller)
        return caller


class RateLimit:
    """A token bucket a caller: `rate` requests a second, one second's worth at once; None: no limit."""

    def __init__(self, rate: float | None, clock: Clock) -> None:
        self._rate = rate
        self._size = max(1.0, rate or 0.0)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, caller: Caller) -> None:
        """Raises HttpFault 429."""
        if self._rate is None:
            return
        now = self._clock.monotonic()
        left, since = self._buckets.get(caller.name, (self._size, now))
        left = min(self._size, left + (now - since) * self._rate)
        if left < 1.0:
            raise HttpFault(
                429,
                "too-many-requests",
                f"more than {self._rate:g} requests a second",
                headers=retry_after((1.0 - left) / self._rate),
            )
        self._buckets[caller.name] = (left - 1.0, now)


def authorize(caller: Caller, needed: Role) -> None:
    """Raises HttpFault 401 for a caller without a token, 403 for one whose role is not enough."""
    if caller.role >= needed:
        return
    if caller is ANONYMOUS:
        raise unauthorized("this needs a token")
    raise HttpFault(
        403, "forbidden", f"this needs the role {needed.name.lower()}; the token has {caller.role.name.lower()}"
    )


def unauthorized(detail: str, error: str | None = None) -> HttpFault:
    """401 with the challenge of RFC 6750."""
    challenge = 'Bearer realm="hub"' + (f', error="{error}"' if error else "")
    return HttpFault(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})

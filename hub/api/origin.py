"""Which Host and Origin headers are answered: the guard against pages that reach for a hub on this machine.

Invariant: without tokens only requests for this machine by its loopback name are answered, so that a name rebound to
127.0.0.1 gets nowhere; a page of another origin is refused unless it is listed.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web

from hub.adapters.http.answers import HttpFault

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^:\[\]/@\s]+)(?::[0-9]{1,5})?")
_REMEMBERED = 100
_PREFLIGHT_AGE = "600"


class OriginGuard:
    """`host` is what the server listens on. `open_hosts`: any Host will do, as every call needs a token."""

    def __init__(
        self, host: str, allowed_hosts: Collection[str], allowed_origins: Collection[str], *, open_hosts: bool
    ) -> None:
        self._own = host.lower()
        self._hosts = frozenset(text.lower() for text in allowed_hosts)
        self._origins = frozenset(text.lower().rstrip("/") for text in allowed_origins)
        self._open_hosts = open_hosts and not allowed_hosts
        self._good_hosts: set[str] = set()

    def check(self, request: web.BaseRequest) -> None:
        """Raises HttpFault 400 or 403."""
        host = request.headers.get("Host", "")
        if host not in self._good_hosts:
            self._check_host(host)
            if len(self._good_hosts) < _REMEMBERED:
                self._good_hosts.add(host)
        origin = request.headers.get("Origin")
        if origin is not None and not self._is_allowed(origin, host):
            raise HttpFault(
                403,
                "origin-refused",
                "pages of this origin may not call the hub; http.allowed_origins lists those that may",
                field="Origin",
            )

    def cors(self, request: web.BaseRequest) -> dict[str, str]:
        """The headers that let a listed page of another origin read the answer; none for anybody else."""
        origin = request.headers.get("Origin", "")
        if origin.lower() not in self._origins:
            return {}
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}

    def preflight(self, request: web.BaseRequest) -> web.Response | None:
        """The answer to a listed page that asks before it calls; None for any other request."""
        cors = self.cors(request)
        if request.method != "OPTIONS" or not cors or "Access-Control-Request-Method" not in request.headers:
            return None
        return web.Response(
            status=204,
            headers={
                **cors,
                "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
                "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key",
                "Access-Control-Max-Age": _PREFLIGHT_AGE,
            },
        )

    def _check_host(self, host: str) -> None:
        match = _HOST.fullmatch(host)
        if match is None:
            raise HttpFault(400, "host-malformed", "the Host header is missing or no host", field="Host", close=True)
        name = match["name"].lower()
        if self._open_hosts or {host.lower(), name} & self._hosts or name.strip("[]") == self._own.strip("[]"):
            return
        if not _is_loopback(name.strip("[]")):
            raise HttpFault(
                403,
                "host-refused",
                "this hub answers as localhost only; http.allowed_hosts lists its other names",
                field="Host",
                close=True,
            )

    def _is_allowed(self, origin: str, host: str) -> bool:
        origin = origin.lower()
        if origin in self._origins:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and parts.netloc == host.lower()


def _is_loopback(name: str) -> bool:
    if name in ("localhost", "localhost."):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False

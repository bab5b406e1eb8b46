"""Requests to the outside: connections kept, nothing followed, nothing read without bound.

Invariant: a request goes to a checked address, takes no longer than it may, and leaves at most MAX_ANSWER bytes behind.
What an answer means is decided here for every destination alike: done, try again (when the other side says so, at the
time it says), or never.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp
import msgspec
from yarl import URL

from hub.adapters.http.guard import AddressRefused, Guard, GuardedResolver
from hub.errors import HubError, Permanent, Retry, Transient

MAX_ANSWER: Final = 2**20
_KEPT_HEADERS: Final = ("content-type", "location", "retry-after", "etag", "date")
_AGAIN: Final = frozenset((408, 421, 425, 429))
_LONGEST_PAUSE: Final = 24 * 3600.0
_EXCERPT: Final = 300


class Gone(Permanent):
    """The receiver says that there will never be anything at this address again (410)."""

    code = "destination-gone"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at a request. Times in seconds."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout: float = 30.0
    connect_timeout: float = 5.0


class HttpClient:
    """Opened at its first request; `close` when done."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def call(self, call: Call) -> dict[str, Any]:
        """`{"status", "headers", "body"}` of a 2xx; the body as JSON where it is that, else as text.

        Raises Permanent for what will not become better, Retry for the time that the other side names, Transient else.
        """
        url = _parsed(call.url)
        self._guard.check_host(url.host or "")
        try:
            async with self._opened().request(
                call.method,
                url,
                data=call.body or None,
                headers=call.headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=call.timeout, sock_connect=call.connect_timeout),
            ) as response:
                return _judged(response.status, response.headers, await _read(response))
        except HubError:
            raise
        except TimeoutError as error:
            raise Transient(f"{url.host} gave no answer within {call.timeout:g} s") from error
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.__cause__, AddressRefused):
                raise error.__cause__.with_traceback(None) from None
            raise Transient(f"{url.host} cannot be reached: {error.os_error}") from error
        except (aiohttp.InvalidURL, UnicodeError) as error:  # the latter: a name that no resolver can be asked for
            raise Permanent(f"{call.url!r} is no address") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Transient(f"{url.host}: {type(error).__name__}: {error}") from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(resolver=GuardedResolver(self._guard), limit=100, limit_per_host=20)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                skip_auto_headers=("User-Agent", "Content-Type"),
                headers={"User-Agent": "hub"},
            )
        return self._session


def _parsed(text: str) -> URL:
    try:
        url = URL(text)
        known = url.scheme in ("http", "https") and bool(url.host)
    except ValueError as error:
        raise Permanent(f"{text!r} is no address: {error}") from error
    if not known:
        raise Permanent(f"{text!r} is no address: expected https://host/… or http://host/…")
    return url


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body, cut at MAX_ANSWER: an effect has happened there, however much is said about it."""
    found = bytearray()
    async for piece in response.content.iter_chunked(64 * 1024):
        found += piece
        if len(found) >= MAX_ANSWER:
            response.close()
            break
    return bytes(found[:MAX_ANSWER])


def _judged(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    if 200 <= status < 300:
        kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
        return {"status": status, "headers": kept, "body": _value(body)}
    said = f"answered {status}" + (f": {excerpt}" if (excerpt := _excerpt(body)) else "")
    if status == 410:
        raise Gone(said)
    if 300 <= status < 400:
        raise Permanent(f"answered {status}, and redirects are not followed: {headers.get('Location', 'nowhere')}")
    if status in _AGAIN or status >= 500:
        pause = retry_after(headers.get("Retry-After"), datetime.now(UTC))
        if pause is not None:
            raise Retry(said, delay=pause)
        raise Transient(said)
    raise Permanent(said)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that Retry-After asks for (a number or a date), at most a day; None for what says nothing."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - now).total_seconds()
        except (TypeError, ValueError):
            return None
    return min(max(0.0, seconds), _LONGEST_PAUSE) if math.isfinite(seconds) else None


def _value(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return body.decode("utf-8", "replace").replace("\0", "\ufffd")


def _excerpt(body: bytes) -> str:
    return " ".join(body[: 4 * _EXCERPT].decode("utf-8", "replace").split())[:_EXCERPT]

"""Where a server wants its connection: asked over HTTP before the WebSocket is opened.

Invariant: neither the token nor an address with one is part of a text.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

import aiohttp
import msgspec

from hub.adapters.signalr_client.settings import Settings
from hub.adapters.tls import dialling
from hub.errors import Permanent, Transient

_REDIRECTS: Final = 5


class Place(msgspec.Struct, frozen=True):
    """The address to connect to, and the bearer token for it."""

    url: str
    token: str | None


class _Answer(msgspec.Struct, rename="camel"):
    connection_id: str | None = None
    connection_token: str | None = None
    available_transports: list[dict[str, Any]] = []
    url: str | None = None
    access_token: str | None = None
    error: str | None = None


async def negotiate(http: aiohttp.ClientSession, settings: Settings) -> Place:
    """Follow the server to the place that it names. Raises Transient, Permanent, and aiohttp's errors."""
    place = Place(settings.url, settings.token)
    for _ in range(_REDIRECTS):
        answer = await _ask(http, place, settings)
        if answer.error:
            raise Permanent(f"the server refuses to negotiate: {answer.error[:300]}")
        if answer.url is None:
            offered = {str(one.get("transport")) for one in answer.available_transports}
            if "WebSockets" not in offered:
                raise Permanent("the server offers no WebSockets")
            id = answer.connection_token or answer.connection_id
            return place if id is None else Place(_with(place.url, {"id": id}), place.token)
        place = Place(answer.url, answer.access_token or place.token)
    raise Permanent("the server redirects again and again")


async def _ask(http: aiohttp.ClientSession, place: Place, settings: Settings) -> _Answer:
    parts = urlsplit(place.url)
    address = urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/negotiate"))
    async with http.post(
        _with(address, {"negotiateVersion": "1"}),
        headers=bearer(place.token),
        ssl=dialling(settings.tls),
        allow_redirects=False,
    ) as answer:
        if answer.status != 200:
            kind = Transient if answer.status >= 500 or answer.status in (408, 429) else Permanent
            raise kind(f"the server answers the negotiation with {answer.status}{advice(answer.status)}")
        body = await answer.content.read(64 * 1024)
    try:
        return msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError as error:
        raise Permanent("what answers at this address is no SignalR server") from error


def advice(status: int) -> str:
    """What to look at where a server answers so; empty where nobody can know."""
    if status in (401, 403):
        return ": check the adapter's token"
    return ": check the adapter's url" if status in (301, 302, 307, 308, 404, 405) else ""


def bearer(token: str | None) -> dict[str, str]:
    """The headers that show a token."""
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def _with(url: str, query: dict[str, str]) -> str:
    parts = urlsplit(url)
    joined = "&".join(text for text in (parts.query, urlencode(query)) if text)
    return urlunsplit(parts._replace(query=joined))

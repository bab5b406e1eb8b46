"""`POST /webhooks/{route}`: the raw request as a Message, and the answer once its row is committed.

Invariant: 202 is said after the commit; the same key gets the same answer again. A message that the route does not want
is answered 202 as well (`"filtered": true`, no job): a sender that hears anything else would only send it again.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Protocol

import msgspec
from aiohttp import web

from hub.adapters.http.answers import HttpFault, json_answer
from hub.adapters.http.body import read_body
from hub.model import Message

PATH: Final = "/webhooks/{route}"

# Of this connection, or about the answer: nothing of it belongs to the message.
_NOT_KEPT: Final = frozenset(
    (
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


class Hook(Protocol):
    """What the edge must know of a route before the body is read."""

    @property
    def adapter(self) -> str: ...
    @property
    def max_body(self) -> int | None: ...
    @property
    def content_types(self) -> Collection[str]: ...


class Verdict(Protocol):
    """The outcome of a message that was taken."""

    @property
    def job_id(self) -> str | None: ...
    @property
    def duplicate(self) -> bool: ...
    @property
    def filtered(self) -> bool: ...


class Intake(Protocol):
    """Where messages go (`hub.ingest`). Raises the hub's errors."""

    def hook(self, name: str) -> Hook | None: ...

    async def accept(self, route: str, message: Message) -> Verdict: ...


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`max_body` in bytes, where a route says nothing else; `body_timeout` in seconds."""

    max_body: int = 2**20
    body_timeout: float = 30.0


class Webhooks:
    """The handler of PATH."""

    def __init__(self, intake: Intake, settings: WebhookSettings | None = None) -> None:
        self._intake = intake
        self._settings = settings or WebhookSettings()

    async def post(self, request: web.Request) -> web.Response:
        """202 `{"job_id", "duplicate"}`. Raises HttpFault and the intake's errors."""
        name = request.match_info["route"]
        hook = self._intake.hook(name)
        if hook is None:
            raise HttpFault(404, "unknown-route", f"there is no webhook {name!r}")
        content_type = request.headers.get("Content-Type")
        if hook.content_types:
            _check_type(content_type, hook.content_types)
        limit = self._settings.max_body if hook.max_body is None else hook.max_body
        body = await read_body(request, limit, self._settings.body_timeout)
        message = Message(
            adapter=hook.adapter,
            protocol="http",
            body=body,
            topic=f"/webhooks/{name}",
            method=request.method,
            headers=kept_headers(request),
            content_type=content_type,
        )
        # A sender that hangs up from here on finds its row all the same: the commit does not hang on who waits for it.
        verdict = await self._intake.accept(name, message)
        answer: dict[str, object] = {"job_id": verdict.job_id, "duplicate": verdict.duplicate}
        if verdict.filtered:
            answer["filtered"] = True
        return json_answer(answer, 202)


def kept_headers(request: web.Request) -> dict[str, str]:
    """The request's headers by lower-case name, repeated ones joined by a comma, without those of the connection."""
    found: dict[str, str] = {}
    for raw_name, value in request.headers.items():
        name = raw_name.lower()
        if name not in _NOT_KEPT:
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _check_type(content_type: str | None, allowed: Collection[str]) -> None:
    media = (content_type or "").partition(";")[0].strip().lower()
    if media not in allowed:
        raise HttpFault(
            415,
            "content-type-refused",
            f"this webhook takes {', '.join(sorted(allowed))}",
            field="Content-Type",
            headers={"Accept": ", ".join(sorted(allowed))},
            close=True,
        )

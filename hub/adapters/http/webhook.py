"""`POST /webhooks/{route}`: the raw request as a Message, and the answer once its row is committed.

Invariant: 202 is said after the commit; the same key gets the same answer again. A message that the route does not want
is answered 202 as well (`"filtered": true`, no job): a sender that hears anything else would only send it again. Where
the route asks for a signature, nothing of a request is looked at before it is checked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Final, Protocol

import msgspec
from aiohttp import web

from hub.adapters.http.answers import HttpFault, json_answer
from hub.adapters.http.body import read_body
from hub.adapters.http.cloudevents import BATCH, events
from hub.adapters.http.signatures import Challenge, Scheme, SignatureInvalid
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
    @property
    def signature(self) -> Scheme | None: ...


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

    async def accept_all(self, route: str, messages: Sequence[Message]) -> Sequence[Verdict]: ...


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`max_body` in bytes, where a route says nothing else; `body_timeout` in seconds."""

    max_body: int = 2**20
    body_timeout: float = 30.0


class Webhooks:
    """The handler of PATH. `now`: seconds since 1970, for signatures that hold a time."""

    def __init__(
        self, intake: Intake, settings: WebhookSettings | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self._intake = intake
        self._settings = settings or WebhookSettings()
        self._now = now

    def signed(self, request: web.Request) -> bool:
        """Whether the sender shows who it is by a signature, and needs no token."""
        hook = self._intake.hook(request.match_info["route"])
        return hook is not None and hook.signature is not None

    async def post(self, request: web.Request) -> web.Response:
        """202 `{"job_id", "duplicate"}`; for a batch of CloudEvents `{"jobs": [...]}` of such. Raises HttpFault and the
        intake's errors."""
        name = request.match_info["route"]
        hook = self._intake.hook(name)
        if hook is None:
            raise HttpFault(404, "unknown-route", f"there is no webhook {name!r}")
        content_type = request.headers.get("Content-Type")
        if hook.content_types:
            _check_type(content_type, hook.content_types)
        limit = self._settings.max_body if hook.max_body is None else hook.max_body
        body = await read_body(request, limit, self._settings.body_timeout)
        delivery = None
        if hook.signature is not None:
            try:
                delivery = hook.signature.verify(request.headers, body, self._now())
            except SignatureInvalid as error:
                raise HttpFault(401, error.code, str(error), field=error.field) from error
            except Challenge as asked:
                return web.Response(text=asked.text)
        message = Message(
            adapter=hook.adapter,
            protocol="http",
            body=body,
            topic=f"/webhooks/{name}",
            method=request.method,
            headers=kept_headers(request),
            content_type=content_type,
            delivery=delivery,
        )
        batch = events(message) if media_type(content_type) == BATCH else None
        # A sender that hangs up from here on finds its row all the same: the commit does not hang on who waits for it.
        verdicts = await self._intake.accept_all(name, [message] if batch is None else batch)
        answers = [_answer(verdict) for verdict in verdicts]
        return json_answer(answers[0] if batch is None else {"jobs": answers}, 202)


def _answer(verdict: Verdict) -> dict[str, object]:
    answer: dict[str, object] = {"job_id": verdict.job_id, "duplicate": verdict.duplicate}
    if verdict.filtered:
        answer["filtered"] = True
    return answer


def media_type(content_type: str | None) -> str:
    """The type without its parameters, in lower case."""
    return (content_type or "").partition(";")[0].strip().lower()


def kept_headers(request: web.Request) -> dict[str, str]:
    """The request's headers by lower-case name, repeated ones joined by a comma, without those of the connection."""
    found: dict[str, str] = {}
    for raw_name, value in request.headers.items():
        name = raw_name.lower()
        if name not in _NOT_KEPT:
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _check_type(content_type: str | None, allowed: Collection[str]) -> None:
    if media_type(content_type) not in allowed:
        raise HttpFault(
            415,
            "content-type-refused",
            f"this webhook takes {', '.join(sorted(allowed))}",
            field="Content-Type",
            headers={"Accept": ", ".join(sorted(allowed))},
            close=True,
        )

"""Answers: JSON, and errors as `application/problem+json` (RFC 9457) with a stable `code`.

Invariant: every error has one shape, whoever found it: the hub, aiohttp, or its parser. A 503 says when to come again.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web

from hub.errors import (
    AlreadyExists,
    Conflict,
    DatabaseUnavailable,
    HubError,
    NotFound,
    PayloadInvalid,
    Rejected,
    Saturated,
    TransactionConflict,
)

JSON_TYPE: Final = "application/json"
PROBLEM_TYPE: Final = "application/problem+json"
RETRY_AFTER: Final = 5.0

_MALFORMED: Final = "payload-malformed"
_FIXED_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_JSON_HEADERS: Final = {**_FIXED_HEADERS, "Content-Type": JSON_TYPE}
_encode: Final = msgspec.json.Encoder().encode


class HttpFault(HubError):
    """A request that HTTP itself has a status for; `headers` go with the answer, `close` ends the connection."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.field = field
        self.headers = dict(headers or {})
        self.close = close


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """`value` as JSON: times with a zone become RFC 3339."""
    return web.Response(
        body=_encode(value), status=status, headers=_JSON_HEADERS if headers is None else {**_JSON_HEADERS, **headers}
    )


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    field: str | None = None,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
    close: bool = False,
) -> web.Response:
    """An error as problem+json; `more` are further members."""
    shown: dict[str, Any] = {
        "type": "about:blank",
        "title": _phrase(status),
        "status": status,
        "code": code,
        "detail": _text(detail),
    }
    if field is not None:
        shown["field"] = _text(field)
    body = _encode({**shown, **(more or {})})
    answer = web.Response(
        body=body, status=status, headers={**_FIXED_HEADERS, "Content-Type": PROBLEM_TYPE, **(headers or {})}
    )
    if close:
        answer.force_close()
    return answer


def problem_of(error: HubError) -> web.Response | None:
    """The answer that an error of the hub stands for; None for one that is a bug of the hub."""
    match error:
        case HttpFault():
            return problem(
                error.status, error.code, str(error), field=error.field, headers=error.headers, close=error.close
            )
        case Rejected():
            return problem(400 if error.code == _MALFORMED else 422, error.code, str(error), field=error.field)
        case PayloadInvalid():
            return problem(422, error.code, str(error), field="payload")
        case NotFound():
            return problem(404, error.code, str(error))
        case AlreadyExists() | Conflict():
            return problem(409, error.code, str(error))
        case Saturated():
            return problem(503, error.code, str(error), headers=retry_after(error.retry_after))
        case DatabaseUnavailable():
            # The server's own words may name hosts and users: they are for the log.
            return problem(503, error.code, "the database is away", headers=retry_after(RETRY_AFTER))
        case TransactionConflict():
            return problem(503, error.code, "the database asks to try again", headers=retry_after(1.0))
    return None


def problem_of_aiohttp(error: web.HTTPException) -> web.Response:
    """The same for an error that aiohttp raised: no such route, or no such method."""
    headers = {name: value for name, value in error.headers.items() if name in ("Allow", "Location", "Retry-After")}
    match error.status:
        case 404:
            return problem(404, "not-found", "there is nothing at this address")
        case 405:
            allowed = headers.get("Allow", "")
            return problem(
                405, "method-not-allowed", f"this address takes {allowed or 'other methods'}", headers=headers
            )
        case 413:
            return problem(413, "body-too-large", "the body is larger than allowed", close=True)
    code = _phrase(error.status).lower().replace(" ", "-")
    return problem(error.status, code, error.reason, headers=headers)


def retry_after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, round(seconds)))}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _text(text: str) -> str:
    """`text` with whatever JSON cannot hold replaced: it may quote the request."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")

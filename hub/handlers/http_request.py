"""`http.request`: a request to the outside as a job; what is answered becomes the job's result.

Invariant: a request is made at least once, each time with the same Idempotency-Key. Where it goes is data, in the row's
metadata or in a route's `with`: `to` names a destination (and `path` what comes behind it), or `url` is the whole
address, which the hub's own rules for requests to the outside bind as they bind every other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from hub.errors import Permanent
from hub.handlers.job import Job
from hub.handlers.mark import handler
from hub.handlers.outgoing import PUBLISH_QUEUE
from hub.handlers.publish import ID_HEADER, TRACE_HEADER, header_texts
from hub.ports import HttpRequest, MakeRequest

HANDLER: Final = "http.request"
METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"))
_WITHOUT_BODY: Final = frozenset(("GET", "HEAD"))


def handlers(make: MakeRequest) -> list[Callable[..., Any]]:
    """The handler, bound to who makes the requests."""

    @handler(HANDLER, queue=PUBLISH_QUEUE, timeout=60)
    async def request(job: Job) -> dict[str, Any]:
        """Send the payload to the destination or address that the metadata names; keep what is answered."""
        return await make(asked(job))

    return [request]


def asked(job: Job) -> HttpRequest:
    """The request that a row asks for. Raises Permanent, naming the field, for one that makes no sense."""
    given = job.metadata.get("with")
    target: Mapping[str, Any] = given if isinstance(given, Mapping) else job.metadata
    to, url = _text(target, "to"), _text(target, "url")
    if (to is None) == (url is None):
        raise Permanent("metadata: a request names either `to`, a destination, or `url`")
    method = (_text(target, "method") or "POST").upper()
    if method not in METHODS:
        raise Permanent(f"metadata.method: {method!r} is none of {', '.join(sorted(METHODS))}")
    path = _text(target, "path") or ""
    if path and not path.startswith(("/", "?")):
        raise Permanent('metadata.path: begins with "/" or "?"')
    body = b"" if method in _WITHOUT_BODY else job.payload
    return HttpRequest(
        id=job.id,
        to=to,
        url=url,
        path=path,
        method=method,
        headers=_headers(job, target.get("headers")),
        body=body.encode() if isinstance(body, str) else body or b"",
        content_type=job.content_type if body else None,
    )


def _headers(job: Job, given: object) -> dict[str, str]:
    headers = header_texts(given)
    if job.traceparent is not None:
        headers.setdefault(TRACE_HEADER, job.traceparent)
    return {**headers, ID_HEADER: job.id}


def _text(target: Mapping[str, Any], name: str) -> str | None:
    value = target.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise Permanent(f"metadata.{name}: expected a text that is not empty")
    return value

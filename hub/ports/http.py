"""What the handler `http.request` asks of whoever makes requests.

Invariant: values and Protocols only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request to the outside. Either `to` names a destination and `path` is what comes behind its address, or `url`
    is the whole of it. `id` is the same for every attempt; `timeout` in seconds, None: the destination's."""

    id: str
    to: str | None = None
    url: str | None = None
    path: str = ""
    method: str = "POST"
    headers: Mapping[str, str] = {}
    body: bytes = b""
    content_type: str | None = None
    timeout: float | None = None


MakeRequest = Callable[[HttpRequest], Awaitable[dict[str, Any]]]
"""Answers `{"status", "headers", "body"}` of a 2xx. Raises Transient, Retry, Permanent."""

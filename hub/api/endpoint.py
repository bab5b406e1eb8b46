"""An address of the API: method, path, and the role it needs.

Invariant: there is no address without a role; the table of them is the only way into the application's router.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from hub.api.access import Caller, Role

Handle = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]


class Endpoint(msgspec.Struct, frozen=True):
    """`handle` is called for callers of that role or above."""

    method: str
    path: str
    role: Role
    handle: Handle

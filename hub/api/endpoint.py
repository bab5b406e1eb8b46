"""An address of the API: method, path, the role it needs, and what it takes and answers.

Invariant: there is no address without a role; the table of them is the only way into the application's router, and the
only source of the documents that describe it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web

from hub.api.access import Caller, Role

Handle = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]


class Parameter(msgspec.Struct, frozen=True):
    """A parameter of the query, or a header. `type` is what msgspec makes a JSON Schema of."""

    name: str
    type: Any = str
    description: str = ""


class Body(msgspec.Struct, frozen=True):
    """What an address takes, as JSON. `example` is a body that is taken as it stands."""

    type: Any
    required: bool = True
    example: Any = None


class Text(msgspec.Struct, frozen=True):
    """An answer that is no JSON."""

    media: str = "text/plain"


class Endpoint(msgspec.Struct, frozen=True):
    """`handle` is called for callers of that role or above; its docstring describes the address, first line first.

    `answers` are the types of what is answered when all goes well, by status (a tuple: any of them); `refusals` the
    statuses of errors beside those that every address of its kind has.
    """

    method: str
    path: str
    role: Role
    handle: Handle
    tag: str = ""
    query: Sequence[Parameter] = ()
    body: Body | None = None
    answers: Mapping[int, Any] = {}
    refusals: Sequence[int] = ()

"""JSON with half a surrogate pair in it, as browsers write a text that was cut within a sign.

Invariant: pure. Such JSON goes on as it stands: the message that holds it is refused with a reason, as other messages
are, and its connection and whatever else goes by it live on.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import msgspec


def read(text: str) -> Any:
    """What msgspec does not read. Raises msgspec.DecodeError, RecursionError."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise msgspec.DecodeError(str(error)) from error


def raw(value: Any) -> msgspec.Raw:
    """A value of `read` as its JSON; halves are escapes again."""
    return msgspec.Raw(json.dumps(value).encode())


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")

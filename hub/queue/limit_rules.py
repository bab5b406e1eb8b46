"""Which limit a claimed job is under: its handler's (or the one for its key), and its queue's.

Invariant: pure, and the same job is under the same names on every instance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import jmespath
import msgspec

from hub.model import Claim
from hub.queue.limit import Limit

_LONGEST = 200


class HandlerLimit(msgspec.Struct, frozen=True):
    """A limit of one handler; with `key` (JMESPath over payload, metadata, ordering_key) of each value apart."""

    limit: Limit
    key: str | None = None


class LimitRules:
    """`queues` and `handlers` by name; those without a limit are not in them."""

    def __init__(self, queues: Mapping[str, Limit], handlers: Mapping[str, HandlerLimit]) -> None:
        self._queues = dict(queues)
        self._handlers = dict(handlers)
        self._keys = {name: jmespath.compile(one.key) for name, one in handlers.items() if one.key is not None}

    def __bool__(self) -> bool:
        return bool(self._queues or self._handlers)

    def queue(self, queue: str) -> Limit | None:
        return self._queues.get(queue)

    def of_handler(self, claim: Claim) -> tuple[str, Limit] | None:
        """(name, limit) that the job's handler puts it under."""
        rule = self._handlers.get(claim.handler)
        if rule is None:
            return None
        key = self._keys.get(claim.handler)
        if key is None:
            return _fitting(f"handler:{claim.handler}"), rule.limit
        try:
            value = key.search(_view(claim))
        except Exception:  # JMESPath lets errors of every kind through; those jobs share the limit of null
            value = None
        return _fitting(f"key:{claim.handler}:{_text(value)}"), rule.limit

    def of_queue(self, claim: Claim) -> tuple[str, Limit] | None:
        """(name, limit) that the job's queue puts it under."""
        limit = self._queues.get(claim.queue)
        return None if limit is None else (f"queue:{claim.queue}", limit)


def _view(claim: Claim) -> dict[str, Any]:
    return {
        "payload": _parsed(claim.payload) if claim.payloadencoding == "text" else claim.payload,
        "metadata": _parsed(claim.metadata),
        "ordering_key": claim.orderingkey,
    }


def _parsed(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()


def _fitting(name: str) -> str:
    # MySQL compares without the spaces at the end.
    if len(name) <= _LONGEST and name.isprintable() and not name.endswith(" "):
        return name
    return (
        f"{name[:20].encode('ascii', 'replace').decode()}#{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()}"
    )

"""Upload streams: the items a client sends for an invocation, collected until all its streams have ended.

Invariant: an invocation with streams is whole or it is not taken: it is handed on when the last stream has ended, with
a list of its items for each stream behind its other arguments. All that is being collected is bounded in bytes.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from hub.adapters.signalr.messages import Completion, Invocation, ProtocolError, StreamItem, as_json

_OPEN: Final = 100
_ITEM_COST: Final = 64
"""Bytes an item costs beside its own, so that empty ones count too."""


class _Upload:
    def __init__(self, call: Invocation) -> None:
        self.call = call
        self.items: dict[str, list[Any]] = {id: [] for id in call.stream_ids}
        self.open = set(self.items)


class Uploads:
    """Those of one connection, bounded together by `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._by_stream: dict[str, _Upload] = {}

    def has(self, stream: str) -> bool:
        return stream in self._by_stream

    def open(self, call: Invocation) -> None:
        """Raises ProtocolError."""
        upload = _Upload(call)
        if self._by_stream.keys() & upload.items.keys():
            raise ProtocolError("The id of an upload stream is in use.")
        if len(self._by_stream) + len(upload.items) > _OPEN:
            raise ProtocolError(f"More than {_OPEN} upload streams at once.")
        self._by_stream.update(dict.fromkeys(upload.items, upload))

    def add(self, item: StreamItem) -> Completion | None:
        """Keep an item; the end of its invocation if that was one too many. Items of no stream are ignored."""
        upload = self._by_stream.get(item.invocation_id)
        if upload is None:
            return None
        value = msgspec.Raw(as_json(item.item))
        self._size += len(bytes(value)) + _ITEM_COST
        upload.items[item.invocation_id].append(value)
        if self._size > self._limit:
            return self._drop(upload, f"The streams of one connection hold at most {self._limit} bytes at once.")
        return None

    def close(self, end: Completion) -> Invocation | Completion | None:
        """A stream has ended. The invocation when it was the last one, its end when the stream failed."""
        upload = self._by_stream[end.invocation_id]
        if end.error is not None:
            return self._drop(upload, "An upload stream ended with an error.")
        upload.open.discard(end.invocation_id)
        if upload.open:
            return None
        self._forget(upload)
        call = upload.call
        return msgspec.structs.replace(call, arguments=[*call.arguments, *upload.items.values()], stream_ids=())

    def _drop(self, upload: _Upload, error: str) -> Completion | None:
        self._forget(upload)
        id = upload.call.invocation_id
        return None if id is None else Completion(id, error=error)

    def _forget(self, upload: _Upload) -> None:
        for id, items in upload.items.items():
            self._by_stream.pop(id, None)
            self._size -= sum(len(bytes(item)) + _ITEM_COST for item in items)

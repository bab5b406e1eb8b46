"""An object of the document and its place, for checks that look beyond one section.

Invariant: what has the wrong shape reads as absent, so that a check never meets it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from hub.config.faults import Fault, Path, path_text


class Entry(NamedTuple):
    """An object of the document and its place."""

    path: Path
    value: dict[str, Any]

    def text(self, key: str) -> str | None:
        found = self.value.get(key)
        return found if isinstance(found, str) else None

    def inner(self, key: str) -> Entry:
        found = self.value.get(key)
        return Entry((*self.path, key), found if isinstance(found, dict) else {})

    def items(self, key: str) -> list[Entry]:
        """The objects in the list or object under `key`."""
        found = self.value.get(key)
        pairs = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
        return [Entry((*self.path, key, name), item) for name, item in pairs if isinstance(item, dict)]

    def fault(self, key: str | int, message: str, suggestion: str | None = None) -> Fault:
        return Fault(path_text((*self.path, key)), message, suggestion)

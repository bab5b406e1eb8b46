"""Text that JSON can say, but no file, header or column of a database can hold.

Invariant: what passes here can be written anywhere; a fault names the place, never the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hub.config.faults import Fault, Path, path_text
from hub.handlers.keys import is_unicode

_HINT = "leave that character out"


def unstorable(document: Mapping[str, object]) -> Iterator[Fault]:
    """Keys and values of a document with U+0000 or a lone surrogate."""
    left: list[tuple[Path, object]] = [((), document)]
    while left:
        path, value = left.pop()
        if isinstance(value, Mapping):
            left += (((*path, key), item) for key, item in value.items())
            if not all(map(_fits, value)):
                yield Fault(path_text(path), "a key with U+0000 or a lone surrogate", _HINT)
        elif isinstance(value, list | tuple):
            left += (((*path, index), item) for index, item in enumerate(value))
        elif not _fits(value):
            yield Fault(path_text(path), "text with U+0000 or a lone surrogate", _HINT)


def _fits(value: object) -> bool:
    return not isinstance(value, str) or ("\0" not in value and is_unicode(value))

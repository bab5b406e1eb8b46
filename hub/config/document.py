"""From a file to a document: plain dicts and lists, as JSON has them.

Invariant: whatever the file holds, the outcome is a document or faults, never another exception; a key that stands
twice in one object is a fault, because one of the two would be lost in silence.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any, NoReturn

from hub.config.faults import Fault, Path, path_text

_EMPTY = 'write {} for "all defaults"'


def read(file: FilePath, place: str) -> tuple[dict[str, Any] | None, list[Fault]]:
    """The document in `file` and its faults; None when there is no object to go on with.

    `place` is the path of a fault that concerns the file itself.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return None, [Fault(place, f"there is no file {file}", "hub init DIR writes one")]
    except IsADirectoryError:
        return None, [Fault(place, f"{file} is a directory", "name the file inside it")]
    except UnicodeDecodeError as error:
        return None, [Fault(place, f"{file} is not UTF-8 text (byte {error.start})", "save it again as UTF-8")]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return None, [Fault(place, f"{file} cannot be read: {reason}")]
    return parse(text, place)


def parse(text: str, place: str) -> tuple[dict[str, Any] | None, list[Fault]]:
    """The document in `text` and its faults; None when there is no object to go on with."""
    if not text.strip():
        return None, [Fault(place, "the file is empty", _EMPTY)]
    try:
        value = json.loads(text, object_pairs_hook=_Object, parse_constant=_no_constant, parse_int=_whole)
    except json.JSONDecodeError as error:
        return None, [
            Fault(place, f"line {error.lineno}, column {error.colno}: {_lower(error.msg)}", _syntax_hint(error))
        ]
    except RecursionError:
        return None, [Fault(place, "the file is nested too deeply")]
    except ValueError as error:
        return None, [Fault(place, _lower(str(error)))]
    if not isinstance(value, _Object):
        return None, [Fault(place, "expected an object", _EMPTY)]
    return value, list(_duplicates(value, ()))


class _Object(dict[str, Any]):
    """An object that remembers which of its keys stood there more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        # Nearly every object is without repetition: the sizes say so at once.
        counts = Counter(key for key, _ in pairs) if len(self) < len(pairs) else {}
        self.repeated = [key for key, count in counts.items() if count > 1]


def _duplicates(value: object, path: Path) -> Iterator[Fault]:
    if isinstance(value, _Object):
        for key in value.repeated:
            yield Fault(path_text((*path, key)), "this key stands more than once in its object", "keep one of them")
        for key, item in value.items():
            yield from _duplicates(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _duplicates(item, (*path, index))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"the file holds {name}, which is no JSON number")


def _whole(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:  # in Python's words, which advise to lift its limit
        raise ValueError(f"the file holds a number of {len(digits):,} digits") from None


def _syntax_hint(error: json.JSONDecodeError) -> str | None:
    before, at = error.doc[: error.pos].rstrip(), error.doc[error.pos : error.pos + 1]
    if (before.endswith(",") and at in ("]", "}")) or "trailing comma" in error.msg:
        return "remove the trailing comma"
    if at in ("/", "#"):
        return "JSON has no comments"
    if at == "'":
        return 'JSON wants double quotes: "'
    return None


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]

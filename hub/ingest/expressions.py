"""A route's JMESPath expressions: compiled once, searched in what a message shows of itself.

Invariant: an expression answers a value or Rejected naming itself; nothing it does to a message is an error of the hub.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import jmespath
import msgspec

from hub.errors import Rejected
from hub.handlers.keys import fit_key
from hub.handlers.payload import NotJson, json_text

FAILED: Final = "expression-failed"


class Expression:
    """One compiled expression; `name` is its key in the route, and the field at fault when it fails."""

    __slots__ = ("_search", "name", "text")

    def __init__(self, text: str, name: str) -> None:
        """Raises ValueError for text that is no JMESPath."""
        self.name = name
        self.text = text
        self._search = jmespath.compile(text).search

    def search(self, view: Mapping[str, Any]) -> Any:
        """The value the expression finds. Raises Rejected when a function refuses what it is given."""
        try:
            return self._search(view)
        except Exception as error:  # JMESPath's functions let errors of every kind through (sum of text, max of mixed)
            first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise Rejected(f"{self.name}: {first_line[:300]}", field=self.name, code=FAILED) from error

    def true(self, view: Mapping[str, Any]) -> bool:
        """JMESPath's truth: null, false, and what is empty are false, zero is not."""
        return not is_empty(self.search(view))

    def key(self, view: Mapping[str, Any]) -> str | None:
        """The value as a key of at most 255 characters; None when it is null, false or empty."""
        return key_text(self.search(view), self.name)


def compiled(text: str | None, name: str) -> Expression | None:
    return None if text is None else Expression(text, name)


def is_empty(value: Any) -> bool:
    return value is None or value is False or value == "" or value == [] or value == {}


def key_text(value: Any, name: str = "key") -> str | None:
    """A value as a key: text as it is, anything else as its JSON with sorted members. Raises Rejected."""
    if is_empty(value):
        return None
    if isinstance(value, str):
        return fit_key(value)
    try:
        return fit_key(json_text(msgspec.to_builtins(value, order="sorted")))
    except (NotJson, TypeError) as error:
        raise Rejected(f"{name}: {error}", field=name, code=FAILED) from error

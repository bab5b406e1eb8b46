"""What is wrong with a configuration, said so that its author can mend it.

Invariant: a fault names the place as the author wrote it (`routes[0].from`, `environment MAX_WORKERS`) and never
shows a secret.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hub.errors import HubError

Path = tuple[str | int, ...]
"""Where a value stands in the document: keys and list positions from the root; () is the root."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_$-]+\Z")


class Fault(NamedTuple):
    """One thing to mend. `path` is a place in the file, "environment NAME", or the file itself."""

    path: str
    message: str
    suggestion: str | None = None

    def __str__(self) -> str:
        hint = f" ({self.suggestion})" if self.suggestion else ""
        return f"{self.path}: {self.message}{hint}"


class ConfigurationError(HubError):
    """The configuration cannot be used; `faults` holds everything that is wrong with it, at least one."""

    code = "configuration"

    def __init__(self, faults: Iterable[Fault], source: str) -> None:
        self.faults = list(faults)
        self.source = source
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        super().__init__("\n  ".join([f"{count} in the configuration ({source}):", *map(str, self.faults)]))


class Invalid(ValueError):
    """Raised by a validator of a field: what is wrong with the value, and what to write instead."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        # A message may quote half a character of the file ("\ud800"), which no output takes.
        super().__init__(message.encode("utf-8", "backslashreplace").decode())
        self.suggestion = suggestion


def path_text(path: Sequence[str | int]) -> str:
    """`("routes", 0, "from")` as `routes[0].from`; a key that is no plain word stands quoted in brackets."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.match(part):
            text += f".{part}" if text else part
        else:
            # json.dumps escapes what a terminal or an encoding could choke on.
            text += f"[{json.dumps(part)}]"
    return text or "(the whole file)"


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """'did you mean "workers"?' for the known word nearest to `word`; None when nothing is near."""
    by_shape = {_shape(name): name for name in known}
    near = difflib.get_close_matches(_shape(word), by_shape, n=1, cutoff=0.6)
    return f"did you mean {quoted(by_shape[near[0]])}?" if near else None


def quoted(text: str) -> str:
    """A piece of the author's text inside a message: in double quotes, escaped, cut when it is long."""
    return json.dumps(text if len(text) <= 60 else text[:57] + "...", ensure_ascii=not text.isprintable())


def _shape(word: str) -> str:
    """`pollInterval`, `poll-interval` and `poll_interval` are near one another."""
    return word.lower().replace("-", "").replace("_", "")

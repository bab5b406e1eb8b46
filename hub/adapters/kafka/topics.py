"""Which topics to read: those that are named, once they exist, and those that the patterns find.

Invariant: the consumer is only ever told of topics that exist, so that asking for one never makes it, and a name that
is missing keeps no other waiting. A pattern matches whole names, exactly as routes match them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from hub.adapters.kafka.control import Control
from hub.errors import Permanent
from hub.telemetry import get_logger

_log = get_logger("hub.adapters.kafka")

EVERYTHING: Final = "*"
"""Every topic: what a route without one asks for. No topic's name holds it."""


class Topics:
    """What routes ask for. Raises Permanent for a pattern that is no regular expression."""

    def __init__(self, adapter: str, wanted: Sequence[str]) -> None:
        self._adapter = adapter
        patterns = ["^.*" if topic == EVERYTHING else topic for topic in wanted if topic[:1] in ("^", EVERYTHING)]
        self.exact = [topic for topic in wanted if topic[:1] not in ("^", EVERYTHING)]
        self.patterns = [_compiled(text) for text in patterns]
        self.missing: set[str] = set(self.exact)
        self.denied: set[str] = set()
        self._said: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self.exact or self.patterns)

    async def present(self, control: Control) -> set[str]:
        """The topics that are there now; a missing one is told of once. Raises as Control does."""
        facts = await control.topics(self.exact)
        found = {name for name, fact in facts.items() if fact.exists}
        self.denied = {name for name, fact in facts.items() if fact.denied}
        self.missing = set(facts) - found - self.denied
        for name in sorted(self.missing - self._said):
            _log.warning("topic does not exist yet: waiting for it", adapter=self._adapter, topic=name)
        for name in sorted(self._said & found):
            _log.info("topic is there now", adapter=self._adapter, topic=name)
        self._said = set(self.missing)
        if self.patterns:
            names = await control.names()
            found |= {name for name in names if any(pattern.fullmatch(name) for pattern in self.patterns)}
        return found


def _compiled(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.DOTALL)
    except re.error as error:
        raise Permanent(f"topic {text!r} is no regular expression: {error}") from error

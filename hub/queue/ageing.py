"""Ageing: a job that waits gains one priority for each span, in queues that ask for it.

Nothing is stored: now and then the first row of each priority is looked at, the one that has waited longest of its
priority, and when it has outgrown those above it, the next claim begins with its priority.

Invariant: pure. Priority stays "higher first" and arrival order within it; what has aged is only taken before its turn.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

_OFTEN = 0.2
_SHARE = 20.0
SHARE = 4
"""A claim takes one in so many of what has aged, so that what is urgent does not stand still meanwhile."""


class Head(NamedTuple):
    """The first row of a priority: the place before it in the order of arrival, and for how long (s) it has waited."""

    priority: int
    place: int
    waited: float


def outgrown(heads: Iterable[Head], span: float) -> Head | None:
    """The head that comes first by priority and age together, None if it is the one that comes first anyway."""
    ordered = sorted(heads, key=lambda head: -head.priority)
    if not ordered:
        return None
    best = max(ordered, key=lambda head: head.priority + int(head.waited / span))  # of equals the higher priority
    return best if best is not ordered[0] else None


class Ageing:
    """That of one queue; `span` in seconds, times of any monotonic clock."""

    def __init__(self, span: float) -> None:
        self.span = span
        self._due = 0.0
        self.first: Head | None = None
        """What the next claim is to begin with."""

    def stale(self, now: float) -> bool:
        """Whether the heads are to be looked at before the next claim."""
        return now >= self._due

    def learn(self, heads: Iterable[Head], now: float, took: float) -> None:
        """What the database answered. As long as something has aged, it is asked before every claim."""
        self.first = outgrown(heads, self.span)
        pause = 0.0 if self.first is not None else min(max(_OFTEN, _SHARE * took), self.span / 2)
        self._due = now + pause

"""Where to go on in a queue's index, for the time in which the way to its first row is long.

While somebody holds an old snapshot (a backup, a report that runs for an hour), vacuum can remove nothing: every claim
walks over the entries of all jobs done since, and claims become slower with each. So once a full claim was slow, the
next ones begin where the last one ended, in each priority apart.

Invariant: floors only skip what was met already. What may lie below them all the same (a late commit, a retry, a
priority nobody had before) is found when they are asked for anew, every second, and when a claim comes up short, which
ends them. Without slow claims there are none, and priority then arrival holds to the letter.
"""

from __future__ import annotations

from collections.abc import Iterable

SLOW = 0.02
"""Seconds that a claim takes on a busy machine at most, unless the way to its rows is long."""

_AGAIN = 1.0
_SHARE = 20.0
_TRIAL = 10.0


class Floors:
    """Those of one queue. Times in seconds of any monotonic clock."""

    def __init__(self) -> None:
        self._places: dict[int, int] = {}
        self._due = 0.0
        self._until = 0.0
        self.wanted = False
        """The next claim is to go by floors."""

    def stale(self, now: float) -> bool:
        """Whether the heads of the queue are to be asked for before the next claim."""
        return self.wanted and (not self._places or now >= self._due)

    def learn(self, heads: Iterable[tuple[int, int]], now: float, took: float) -> None:
        """What the database answered: (priority, the place before its first row), the highest first."""
        self._places = dict(heads)
        self._due = now + max(_AGAIN, _SHARE * took)

    def arrays(self) -> tuple[list[int] | None, list[int] | None]:
        """Priorities and floors for the statement; (None, None) for a claim without them."""
        if not self.wanted or not self._places:
            return None, None
        return list(self._places), list(self._places.values())

    def claimed(self, places: Iterable[tuple[int, int]], *, full: bool, now: float, took: float) -> None:
        """A claim met these (priority, place); `full`: as many as it wanted."""
        if not self.wanted:
            if full and took > SLOW:
                self.wanted, self._until = True, now + _TRIAL
            return
        for priority, place in places:
            if place > self._places.get(priority, place):
                self._places[priority] = place
        if not full or now >= self._until:
            # Little is left, or it is time to ask whether the way is still long: a claim without floors tells.
            self.wanted = False
            self._places.clear()

"""A clock that moves when it is told to.

Invariant: the same calls give the same times, numbers and ids, in every run; `monotonic` never goes back.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from hub.clock import uuid7_text

START = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """See hub.clock.Clock.

    It is the clock of this process alone: due times and leases are the database's business, and follow its own clock.

    >>> clock = FakeClock()
    >>> clock.now().isoformat()
    '2026-01-01T00:00:00+00:00'
    >>> clock.advance(90)
    >>> clock.now().isoformat(), clock.monotonic()
    ('2026-01-01T00:01:30+00:00', 90.0)
    >>> clock.new_id() == FakeClock(clock.now()).new_id()
    True
    """

    def __init__(self, start: datetime = START, *, seed: int = 0) -> None:
        self._now = _utc(start)
        self._passed = 0.0
        self._random = random.Random(seed)  # noqa: S311 - a test wants the same numbers again
        self._noise = random.Random(seed)  # noqa: S311 - its own, so that ids do not depend on how often dice fell
        self._last = 0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._passed

    def random(self) -> float:
        return self._random.random()

    def new_id(self) -> str:
        ticks = int(self._now.timestamp() * 1000) << 12
        self._last = max(ticks, self._last + 1)
        return uuid7_text(self._last, self._noise.getrandbits(62))

    def advance(self, seconds: float | timedelta) -> None:
        """Let time pass. Raises ValueError for a negative length."""
        length = seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)
        if length < timedelta():
            raise ValueError("time passes forwards; `set` moves the time of day back")
        self._now += length
        self._passed += length.total_seconds()

    def set(self, now: datetime) -> None:
        """Set the time of day, as an administrator would; `monotonic` does not notice. Without a zone it is UTC."""
        self._now = _utc(now)


def _utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)

"""Time, randomness and ids behind one seam, so that tests never sleep and never guess.

Invariant: nothing else in the package asks the system for the time of day, for random numbers or for ids. Deadlines
inside a process use `monotonic`; leases and due times are the database's business and never come from here.
"""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the hub needs of a clock."""

    def now(self) -> datetime:
        """The time of day, with zone UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for deadlines and durations."""
        ...

    def random(self) -> float:
        """A number in [0, 1), for jitter."""
        ...

    def new_id(self) -> str:
        """A UUIDv7 as text; ids made later by this process compare greater."""
        ...


class SystemClock:
    """The real one."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - jitter and ids, nothing secret
        self._last = 0

    def now(self) -> datetime:
        return datetime.now(UTC)

    monotonic = staticmethod(time.monotonic)

    def random(self) -> float:
        return self._random.random()

    def new_id(self) -> str:
        # RFC 9562, version 7: 48 bits of milliseconds, then 12 bits that carry the fraction of the millisecond, so
        # that ids made by one process are strictly ascending; 62 random bits.
        ticks = time.time_ns() * 4096 // 1_000_000
        if ticks <= self._last:
            ticks = self._last + 1
        self._last = ticks
        return uuid7_text(ticks, self._random.getrandbits(62))


def backoff(first: float, failures: int, longest: float) -> float:
    """Seconds to wait after so many failures in a row, before jitter: `first` doubled with each, up to `longest`."""
    # Bounded before it is raised: an outage of hours counts thousands of failures, and no float holds 2 ** 1024.
    return min(longest, first * 2.0 ** min(failures, 60))


def uuid7_text(ticks: int, noise: int) -> str:
    """The UUIDv7 of `ticks` (1/4096 ms since 1970) and 62 bits of noise."""
    text = f"{(ticks >> 12 << 16) | 0x7000 | (ticks & 0xFFF):016x}{(1 << 63) | noise:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

"""One queue's jobs inside a process: what is claimed and waits, what runs, how much to claim next.

Invariant: pure bookkeeping, no I/O. A lane asks for no more than its free runners can start at once plus what they will
have finished within CLAIM_AHEAD seconds, so that slow handlers hoard nothing and fast ones share the trip.
"""

from __future__ import annotations

from collections import deque

from hub.queue.attempt import Attempt

CLAIM_AHEAD = 0.05
LARGEST_CLAIM = 500

Run = list[Attempt]
"""The attempts of one ordering key, one after another; any other attempt is a run by itself."""


class Lane:
    """`limit` is how many of its jobs run at once."""

    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self.limit = limit
        self.running = 0
        self.waiting = 0
        self._runs: deque[Run] = deque()
        self._finished = 0
        self._rate = 0.0
        self._since: float | None = None

    def push(self, run: Run) -> None:
        self._runs.append(run)
        self.waiting += len(run)

    def pop(self) -> Run:
        run = self._runs.popleft()
        self.waiting -= len(run)
        return run

    def empty(self) -> list[Attempt]:
        """Everything that was claimed and not begun, taken out."""
        left = [attempt for run in self._runs for attempt in run]
        self._runs.clear()
        self.waiting = 0
        return left

    def finished(self, jobs: int) -> None:
        self._finished += jobs

    def wanted(self, free: int, now: float) -> int:
        """How many jobs to claim, given `free` runners; 0 while enough wait."""
        ahead = int(self._measure(now) * CLAIM_AHEAD)
        lacking = min(free, self.limit - self.running) + ahead - self.waiting
        if self.waiting and self.waiting > ahead // 2:
            return 0
        return max(0, min(lacking, LARGEST_CLAIM))

    def _measure(self, now: float) -> float:
        """Jobs finished a second, smoothed over the last claims."""
        if self._since is None:
            self._since = now
            return 0.0
        passed = now - self._since
        if passed >= 0.005:
            self._rate += 0.5 * (self._finished / passed - self._rate)
            self._finished = 0
            self._since = now
        return self._rate

"""One queue's jobs inside a process: what is claimed and waits, what runs, how much to claim next.

Invariant: pure bookkeeping, no I/O. A lane asks for no more than its free runners can start at once plus what they will
have finished within CLAIM_AHEAD seconds, so that slow handlers hoard nothing and fast ones share the trip.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from hub.queue.attempt import Attempt

CLAIM_AHEAD = 0.05
LARGEST_CLAIM = 500
_LOOK = 64
"""How far behind the head jobs are looked for that run together with others."""
GROUPS = 4
"""Groups of one handler that overlap, as each waits for the server at every statement."""
_ENOUGH = 25
"""Waiting jobs, for each group at work, that are worth one more."""

Run = list[Attempt]
"""The attempts of one ordering key, one after another; any other attempt is a run by itself."""


class Lane:
    """`limit` is how many of its jobs run at once, those of a group counted as one; `grain` how many a runner takes at
    once."""

    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self.limit = limit
        self.running = 0
        self.waiting = 0
        self.grain = 1
        self._runs: deque[Run] = deque()
        self._groups: Counter[str] = Counter()
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

    def pop_first(self, suits: Callable[[Run], bool], most: int | None = None) -> Run | None:
        """The first of the next runs that suits, if there is one and it has at most so many jobs."""
        for place in range(min(_LOOK, len(self._runs))):
            run = self._runs[place]
            if suits(run):
                if most is not None and len(run) > most:
                    return None
                del self._runs[place]
                self.waiting -= len(run)
                return run
        return None

    def join(self, handler: str) -> None:
        """A group of this handler works off what waits for it."""
        self._groups[handler] += 1

    def leave(self, handler: str) -> None:
        self._groups[handler] -= 1

    @property
    def needs_runner(self) -> bool:
        """Whether something waits that nobody is about to take: groups take what follows them by themselves."""
        if not self.waiting:
            return False
        at_work = self._groups[self._runs[0][0].claim.handler]
        return at_work < GROUPS or self.waiting > at_work * _ENOUGH

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
        runners = min(free, self.limit - self.running)
        lacking = runners + ahead - self.waiting + (self.grain - 1 if runners else 0)
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

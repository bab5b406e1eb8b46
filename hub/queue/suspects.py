"""Jobs that a worker died with: run one at a time, so that the one that kills takes no neighbour along.

Invariant: at most one of them runs in this process, and by then what follows it in its ordering key has been given
back. One that its next crash would make a dead letter is held by nobody but who runs it: when it begins, every other
like it has been given back too, so that none is failed for what it does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from hub.clock import Clock
from hub.queue.attempt import Attempt
from hub.queue.executor import Executor
from hub.queue.lane import Lane, Run
from hub.queue.settler import Settler

_MOST = 50
"""How many may wait here; what is beyond comes back later, to whichever process is free then."""


class Suspects:
    """`run` runs jobs in order; `claimed` returns once no claim is under way, and `ended` is called when
    none of the suspects runs. `preparing`: nothing is to be claimed at this moment."""

    def __init__(
        self,
        executor: Executor,
        settler: Settler,
        clock: Clock,
        max_crashes: int,
        run: Callable[[Lane, Run], Awaitable[None]],
        claimed: Callable[[], Awaitable[None]],
        ended: Callable[[], None],
    ) -> None:
        self._executor = executor
        self._settler = settler
        self._clock = clock
        self._max_crashes = max_crashes
        self._run = run
        self._claimed = claimed
        self._ended = ended
        self._waiting: deque[tuple[Lane, Run]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._open = True
        self.preparing = False

    @property
    def running(self) -> bool:
        return self._task is not None

    def open(self) -> None:
        self._open = True

    def close(self) -> None:
        """Begin no more of them."""
        self._open = False

    def add(self, lane: Lane, run: Run) -> None:
        """These were claimed, and one of them at least was there when a worker died."""
        if self._at_its_last(run[0]):
            room = not self._waiting and self._task is None
        else:
            room = len(self._waiting) < _MOST
        if not room:
            for attempt in run:
                self._executor.postpone(attempt, 1.0 + self._clock.random())
            return
        # What is behind it cannot begin before it ends, and must not count a crash for each job before its own.
        self._waiting.append((lane, run[:1]))
        for attempt in run[1:]:
            self._executor.give_back(attempt)

    def start(self) -> None:
        """Run what waits, if none runs."""
        if self._waiting and self._task is None and self._open:
            self._task = asyncio.get_running_loop().create_task(self._run_all(), name="suspects")

    def give_back(self) -> None:
        """What was not begun: others may have it."""
        while self._waiting:
            for attempt in self._waiting.popleft()[1]:
                self._executor.give_back(attempt)

    async def _run_all(self) -> None:
        try:
            while self._waiting and not self._closed():
                lane, run = self._waiting.popleft()
                if self._at_its_last(run[0]):
                    await self._prepare()
                else:
                    await self._settler.drain()
                if self._closed():  # while it was prepared
                    self._waiting.appendleft((lane, run))
                    self.give_back()
                    break
                await self._run(lane, run)
        finally:
            self._task = None
            self._ended()

    async def _prepare(self) -> None:
        """Wait until nobody else here holds a job that is at its last: what a claim brings now is given back."""
        self.preparing = True
        try:
            await self._claimed()
            await self._settler.drain()
        finally:
            self.preparing = False

    def _closed(self) -> bool:
        return not self._open

    def _at_its_last(self, attempt: Attempt) -> bool:
        return attempt.claim.crashcount >= self._max_crashes

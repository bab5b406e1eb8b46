"""Which of the claimed jobs run together, and what becomes of those that then have to run by themselves.

Invariant: a group holds jobs of one handler and one priority, in the order in which they were claimed; those of an
ordering key follow one another. Jobs that a worker died with never come here (suspects), nor those of a batch handler
that have failed before: alone they fail alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from hub.clock import Clock
from hub.handlers.registry import Entry
from hub.ports import Database
from hub.queue.attempt import Attempt, Held
from hub.queue.batches import BatchRuns
from hub.queue.executor import Executor
from hub.queue.joint import Joint
from hub.queue.lane import Lane, Run
from hub.queue.settler import Settler
from hub.queue.shared import HOLD, SharedRuns
from hub.queue.store import Store

_log = logging.getLogger("hub.queue")


class Grouping:
    """`entry_for` tells whether a run is for a group, `run` runs the group."""

    def __init__(
        self, executor: Executor, store: Store, settler: Settler, held: Held, database: Database, clock: Clock
    ) -> None:
        self._executor = executor
        self._settler = settler
        self._held = held
        joint = Joint(executor, store, settler)
        self._shared = SharedRuns(executor, joint, database, clock)
        self._batches = BatchRuns(executor, joint, database, clock)

    def entry_for(self, run: Run) -> Entry | None:
        """The handler whose jobs run together with these; None if they run by themselves."""
        entry = self._executor.entry(run[0])
        if entry is None or not entry.grouped:
            return None
        if entry.batch is not None and any(attempt.claim.retrycount for attempt in run):
            return None
        if len(run) > 1 and any(attempt.claim.handler != entry.name for attempt in run):
            return None
        return entry

    def grain(self, runs: list[Run]) -> int:
        """How many jobs a runner takes at once, judged by a claim."""
        sizes = [
            entry.batch.size if (entry := self.entry_for(run)) and entry.batch else 1 for run in (runs[0], runs[-1])
        ]
        return min(sizes)

    async def run(
        self, lane: Lane, entry: Entry, run: Run, waits: Callable[[], None], more: Callable[[], bool]
    ) -> list[Run]:
        """Run `run` and what waits in the lane for the same handler; answers the runs to be run by themselves.

        `waits` is called when a handler comes to wait; `more` before another job is taken from the lane: may it be?
        """
        taken = [run]

        def suits(other: Run) -> bool:
            head = other[0].claim
            return (
                head.handler == entry.name and head.priority == run[0].claim.priority and self.entry_for(other) is entry
            )

        def following(most: int | None = None) -> Run | None:
            lane.finished(len(taken[-1]))
            if not more() or (found := lane.pop_first(suits, most)) is None:
                return None
            _tell(found, waits)
            taken.append(found)
            return found

        _tell(run, waits)
        try:
            if entry.batch is not None:
                left = entry.batch.size - len(run)
                while left > 0 and (found := following(left)) is not None:
                    left -= len(found)
                gone = await self._batches.run(entry, entry.batch, [attempt for each in taken for attempt in each])
            else:
                gone = await self._run_shared(lane, entry, run, following, waits)
        except Exception:
            # A bug of the hub, not of the handler: the leases expire and the rescuer gives the jobs to others.
            _log.exception("%d jobs of %s: the executor failed", sum(map(len, taken)), entry.name)
            for attempt in (attempt for each in taken for attempt in each):
                self._settler.drop(attempt)
            return []
        return [left_over for each in taken if (left_over := self._left_over(each, gone))]

    async def _run_shared(
        self, lane: Lane, entry: Entry, run: Run, following: Callable[[], Run | None], waits: Callable[[], None]
    ) -> set[Attempt]:
        """While a group is young the jobs that wait are its own; after that another runner is to see to them."""
        relieved = False

        def relieve() -> None:
            nonlocal relieved
            if not relieved:
                relieved = True
                lane.leave(entry.name)
                waits()

        lane.join(entry.name)
        timer = asyncio.get_running_loop().call_later(HOLD, relieve)
        try:
            return await self._shared.run(entry, run, following, relieve)
        finally:
            timer.cancel()
            if not relieved:
                relieved = True
                lane.leave(entry.name)

    def _left_over(self, run: Run, gone: set[Attempt]) -> Run:
        left = [attempt for attempt in run if attempt not in gone]
        if not left:
            return left
        before = run[: run.index(left[0])]
        if before and not before[-1].final:
            for attempt in left:
                attempt.renew_run(self._executor)
                self._executor.give_back(attempt)
            return []
        for attempt in left:
            attempt.renew_run(self._executor)
        if before:
            left[0].after = self._settler.written(before[-1])
        return left


def _tell(run: Run, waits: Callable[[], None]) -> None:
    for attempt in run:
        attempt.waits = waits

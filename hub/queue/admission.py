"""What stands between a claim and its start: the locks of the claimed jobs, and the limits they are under.

Invariant: nothing here decides who owns a job: that is the claim's, and its fence's. What may not start now is told a
time; it goes back without an attempt, and the jobs behind it in its ordering key go with it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from hub.clock import Clock
from hub.queue.attempt import Attempt
from hub.queue.job_locks import JobLocks
from hub.queue.limits import JobLimits

_log = logging.getLogger("hub.queue")


class Admission:
    """Asked by the worker after each claim, told by the settler of each end. `lease` in seconds."""

    def __init__(
        self, clock: Clock, lease: float, locks: JobLocks | None = None, limits: JobLimits | None = None
    ) -> None:
        self._clock = clock
        self._lease = lease
        self._locks = locks
        self._limits = limits

    def most(self, queue: str, wanted: int) -> int:
        """How many jobs of a queue are worth claiming now, of `wanted`."""
        return wanted if self._limits is None else self._limits.most(queue, wanted)

    async def delays(self, attempts: Sequence[Attempt]) -> Mapping[str, float]:
        """Job → seconds, for those that may not start now."""
        delays = await self._limits.delays(attempts) if self._limits is not None else {}
        if self._locks is not None:
            delays |= await self._locked(self._locks, [a for a in attempts if a.claim.id not in delays])
        return _with_those_behind(attempts, delays) if delays else delays

    def ended(self, attempts: Sequence[Attempt], *, soon: bool) -> None:
        """These attempts are over, or about to be written as such; `soon`: others may take one of the jobs next."""
        if self._limits is not None:
            self._limits.ended([attempt.claim.id for attempt in attempts])
        if self._locks is not None:
            self._locks.drop([attempt.claim.id for attempt in attempts], soon=soon)

    async def drain(self) -> None:
        """Wait until what has ended is known elsewhere, if it can be."""
        if self._locks is not None:
            await self._locks.drain()

    async def _locked(self, locks: JobLocks, attempts: Sequence[Attempt]) -> dict[str, float]:
        if not attempts:
            return {}
        refused = await locks.take([attempt.claim.id for attempt in attempts])
        if not refused:
            return {}
        _log.info("%d claimed jobs are still locked by another worker, and postponed", len(refused))
        # What is locked though it was free to be claimed is held by one that has lost its lease: not for long.
        return {job_id: self._lease / 20 * (0.5 + self._clock.random() / 2) for job_id in refused}


def _with_those_behind(attempts: Sequence[Attempt], delays: Mapping[str, float]) -> Mapping[str, float]:
    """The jobs of an ordering key stay together: one that waits keeps the others back."""
    keys: dict[str, float] = {}
    for attempt in attempts:
        key, delay = attempt.claim.orderingkey, delays.get(attempt.claim.id)
        if key is not None and delay is not None:
            keys[key] = max(delay, keys.get(key, 0.0))
    behind = {a.claim.id: keys[a.claim.orderingkey] for a in attempts if a.claim.orderingkey in keys}
    return {**delays, **behind}

"""Rows that are committed, as those who run them are told of it, here and on other instances.

Invariant: who is told of rows that wait for no time looks for nothing else: what is due, and when the next is, is asked
of the database only when something was given a time. Asked at each row that comes, it was half of what an instance did
under steady traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Self

import msgspec

from hub.model import NewJob


class Arrival(msgspec.Struct, frozen=True):
    """`queues` got rows ('' stands for those that name none); `timed`: one of them waits for its time."""

    queues: frozenset[str] = frozenset()
    timed: bool = False

    @classmethod
    def of(cls, jobs: Iterable[NewJob]) -> Self:
        jobs = list(jobs)
        timed = any(job.delay is not None or job.scheduledat is not None for job in jobs)
        return cls(frozenset(job.queue or "" for job in jobs), timed)

    def __or__(self, other: Arrival) -> Arrival:
        return Arrival(self.queues | other.queues, self.timed or other.timed)

    def __bool__(self) -> bool:
        return bool(self.queues)

    @property
    def channel(self) -> str:
        """Where other instances hear of it: those of "hub_jobs" also look what has been given a time."""
        return "hub_jobs" if self.timed else "hub_ready"

    @property
    def notice(self) -> dict[str, Any]:
        """What notify.sql takes."""
        return {"channel": self.channel, "queue": sorted(self.queues)}


NOTHING = Arrival()
TIMES = Arrival(frozenset([""]), timed=True)
"""No rows, but a time that was changed."""

Told = Callable[[Arrival], None]
"""Is told what has been committed."""

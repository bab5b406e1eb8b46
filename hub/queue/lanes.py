"""The lanes of one process: which queues it serves, how many jobs of each run at once, and whose turn it is.

Invariant: a queue that the configuration does not name has a lane only while something of it is claimed, so that names
made by programs leave nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hub.queue.attempt import Attempt
from hub.queue.lane import Lane

UNNAMED = ""
"""The claim of rows that name no queue; their jobs run in the lane of their handler's queue."""


class Lanes:
    """`workers` jobs run at once, within it `queues` (name → limit). `only`: serve these queues and no other."""

    def __init__(self, workers: int, queues: Mapping[str, int], only: frozenset[str] | None) -> None:
        self._only = only
        self._lanes: dict[str, Lane] = {}
        self.resize(workers, queues)

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())

    def resize(self, workers: int, queues: Mapping[str, int]) -> None:
        """Other limits from now on; what runs beyond them may end."""
        self._workers, self._queues = workers, queues
        for name in queues:
            if self._only is None or name in self._only:
                self.of(name)
        for lane in self:
            lane.limit = self._limit(lane.name)

    def of(self, name: str) -> Lane:
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = Lane(name, self._limit(name))
        return lane

    def serves(self, queue: str) -> bool:
        only = self._only
        return only is None or queue in only or (queue == UNNAMED and "default" in only)

    def names(self) -> list[str]:
        """Every queue to be claimed from."""
        return [*self._lanes, UNNAMED]

    def neediest(self) -> Lane | None:
        """The lane with something waiting and the smallest share of its limit in use."""
        candidates = [lane for lane in self._lanes.values() if lane.waiting and lane.running < lane.limit]
        return min(candidates, key=lambda lane: lane.running / lane.limit, default=None)

    def forget(self, name: str) -> None:
        """Nothing more is known to wait in this queue."""
        lane = self._lanes.get(name)
        if lane is not None and name not in self._queues and not (lane.waiting or lane.running):
            del self._lanes[name]

    def state(self) -> dict[str, dict[str, int]]:
        """Queue → {limit, running, waiting}."""
        return {lane.name: {"limit": lane.limit, "running": lane.running, "waiting": lane.waiting} for lane in self}

    def empty(self) -> list[Attempt]:
        """Everything that was claimed and not begun, taken out."""
        return [attempt for lane in self for attempt in lane.empty()]

    def _limit(self, name: str) -> int:
        """A queue that the configuration does not name is served with the limit of the default one."""
        limit = self._queues.get(name) or self._queues.get("default") or self._workers
        return min(limit, self._workers)

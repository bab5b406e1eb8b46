"""How much of everything is measured.

Invariant: a run takes seconds, not fractions (start-up and the last flush would tell in the figure), and the whole of
the default sizes less than six minutes on two cores.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Sizes:
    """Numbers of jobs and rows; `idle` in seconds; `backlog` waiting rows and as many finished ones."""

    empty: int = 60_000
    inserts: int = 15_000
    grouped: int = 30_000
    rows: int = 100_000
    pickups: int = 200
    idle: float = 20.0
    sqlite_empty: int = 40_000
    sqlite_inserts: int = 5_000
    backlog: int = 1_000_000
    few: int = 10_000
    pinned: int = 200_000
    in_flight: int = 1_000
    messages: int = 20_000
    sockets: int = 5_000
    workflows: int = 10_000
    requests: int = 20_000
    marathon: int = 0
    timeout: float = 60.0

    @classmethod
    def quick(cls) -> Self:
        """An eighth or less of everything: shows that it works, and an order of magnitude."""
        return cls(
            empty=10_000, inserts=3_000, grouped=10_000, rows=20_000, pickups=50, idle=3.0, sqlite_empty=5_000,
            sqlite_inserts=1_000,
            backlog=100_000, few=4_000, pinned=20_000, in_flight=1_000, messages=4_000, sockets=1_000,
            workflows=500, requests=3_000,
        )  # fmt: skip

    @classmethod
    def tiny(cls, jobs: int = 200) -> Self:
        """Just enough to see every benchmark run to its end."""
        return cls(
            empty=jobs, inserts=jobs, grouped=jobs, rows=jobs, pickups=5, idle=0.2, sqlite_empty=jobs,
            sqlite_inserts=jobs // 4,
            backlog=jobs * 5, few=jobs, pinned=jobs, in_flight=20, messages=jobs, sockets=20,
            workflows=max(5, jobs // 5), requests=jobs,
        )  # fmt: skip

    def with_backlog(self, rows: int) -> Self:
        """The same with another size of the big table; what is measured on it shrinks with it."""
        return dataclasses.replace(self, backlog=rows, few=min(self.few, rows), pinned=min(self.pinned, rows))

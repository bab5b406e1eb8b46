"""What is measured, and what becomes of it: benchmarks, contestants, lines of the table, goals. No I/O.

Invariant: a line's figure is the median of its contestant's runs, a ratio is one median over another.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Sample = Mapping[str, float]
"""One run of a contestant: figure → value. `worker_cpu` and `server_cpu` are seconds of CPU for 10,000 jobs."""

Measure = Callable[[], Sample]


@dataclass(frozen=True)
class Goal:
    """A bound on a line's figure, or on its ratio to the line `of`; without bounds the ratio is only shown."""

    of: str | None = None
    at_least: float | None = None
    at_most: float | None = None

    def met(self, value: float) -> bool | None:
        """Whether `value` (the figure, or the ratio if there is an `of`) is within the bounds; None without bounds."""
        if self.at_least is not None:
            return value >= self.at_least
        return value <= self.at_most if self.at_most is not None else None


@dataclass(frozen=True)
class Line:
    """One line of the table: a figure of a contestant, and what it is held against."""

    name: str
    contestant: str
    figure: str
    unit: str
    goals: Sequence[Goal] = ()


@dataclass(frozen=True)
class Benchmark:
    """Contestants, measured in turn (A B C A B C); those in `once` are measured in the first round alone."""

    name: str
    title: str
    contestants: Mapping[str, Measure]
    lines: Sequence[Line]
    once: frozenset[str] = frozenset()


@dataclass
class Results:
    """The samples of one benchmark so far, and why contestants have none."""

    benchmark: Benchmark
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def add(self, contestant: str, sample: Sample) -> None:
        self.samples.setdefault(contestant, []).append(sample)

    def values(self, contestant: str, figure: str) -> list[float]:
        """The figure in each run that has it."""
        return [sample[figure] for sample in self.samples.get(contestant, ()) if figure in sample]

    def median(self, contestant: str, figure: str) -> float | None:
        values = self.values(contestant, figure)
        return statistics.median(values) if values else None

    def figure(self, line: Line) -> float | None:
        return self.median(line.contestant, line.figure)

    def compared(self, line: Line, goal: Goal) -> float | None:
        """What the goal looks at: the line's figure, or its ratio to the line the goal names."""
        value = self.figure(line)
        if goal.of is None or value is None:
            return value
        other = self.figure(next(one for one in self.benchmark.lines if one.name == goal.of))
        return value / other if other else None


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed (0 < share <= 1)."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]

"""Measures: one benchmark after another, its contestants in turn.

Invariant: a contestant that fails takes no other along, and is said in the results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from benchmarks.figures import Benchmark, Results
from benchmarks.machine import Foreign
from benchmarks.plans import Plan, plans
from benchmarks.rows import (
    activemq,
    claims,
    empty,
    enqueue,
    grouped,
    insert,
    kafka,
    locks,
    mariadb,
    memory,
    mqtt,
    pickup,
    processes,
    schedules,
    sockets,
    sqlite,
    webhooks,
    workflows,
)
from benchmarks.stand import Stand

BENCHMARKS: dict[str, Callable[[Stand], Benchmark]] = {
    "empty": empty.benchmark,
    "insert": insert.benchmark,
    "locks": locks.benchmark,
    "processes": processes.benchmark,
    "grouped": grouped.benchmark,
    "enqueue": enqueue.benchmark,
    "pickup": pickup.benchmark,
    "idle": pickup.idle,
    "workflows": workflows.benchmark,
    "schedules": schedules.benchmark,
    "sqlite": sqlite.benchmark,
    "mariadb": mariadb.benchmark,
    "size": claims.size,
    "sustained": claims.sustained,
    "memory": memory.benchmark,
    "sockets": sockets.benchmark,
    "webhooks": webhooks.benchmark,
    "kafka": kafka.benchmark,
    "activemq": activemq.benchmark,
    "mqtt": mqtt.benchmark,
}
_DISTURBED = 0.15
"""Cores used by others from which on a figure may have suffered."""


class Measurement:
    """`advance` is told of each finished run: benchmark, contestant."""

    def __init__(self, stand: Stand, runs: int, advance: Callable[[str, str], None]) -> None:
        self._stand = stand
        self._runs = runs
        self._advance = advance
        self.notes: list[str] = []
        self.plans: list[Plan] = []

    def steps(self, benchmarks: Iterable[Benchmark]) -> int:
        """How often `advance` will be called."""
        return sum(len(self._turns(benchmark)) for benchmark in benchmarks)

    def measure(self, benchmark: Benchmark) -> Results:
        results = Results(benchmark)
        try:
            for contestant in self._turns(benchmark):
                if contestant not in results.failures:
                    self._measure(results, contestant)
                self._advance(benchmark.name, contestant)
            if benchmark.name == "size" and "large" in results.samples:
                self._explain(results)
        finally:
            self._stand.clear()
        return results

    def _explain(self, results: Results) -> None:
        try:
            self.plans = plans(self._stand.kept("large"))
        except Exception as error:  # a statement that has changed its parameters, say
            results.failures["plans"] = _first_line(error)
        self.notes += [plan.summary for plan in self.plans]

    def _turns(self, benchmark: Benchmark) -> list[str]:
        """A B C A B C, without those that are measured once from the second round on."""
        return [
            contestant
            for turn in range(self._runs)
            for contestant in benchmark.contestants
            if turn == 0 or contestant not in benchmark.once
        ]

    def _measure(self, results: Results, contestant: str) -> None:
        foreign = Foreign()
        try:
            sample = results.benchmark.contestants[contestant]()
        except Exception as error:  # whatever a contestant raises, the others go on and the table says it
            results.failures[contestant] = _first_line(error)
            return
        results.add(contestant, sample)
        cores = foreign.cores()
        if cores > _DISTURBED:
            self.notes.append(f"{results.benchmark.name}, {contestant}: others used {cores:.2f} cores meanwhile")


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]

"""What a worker process occupies, by the system's count of resident memory.

Invariant: growth is from the second hundred thousand jobs to the last, when every cache is warm.
"""

from __future__ import annotations

from benchmarks.figures import Benchmark, Goal, Line, Sample
from benchmarks.stand import Stand


def benchmark(stand: Stand) -> Benchmark:
    in_flight, marathon = stand.sizes.in_flight, stand.sizes.marathon

    def hub() -> Sample:
        with (
            stand.fresh("hub") as url,
            stand.child("hub_memory", url=url, in_flight=in_flight, marathon=marathon) as one,
        ):
            one.go()
            told = one.answer()
        legs = told.pop("legs")
        return {**told, "growth": legs[-1] - legs[1]} if len(legs) > 2 else told

    lines = [
        Line("hub, at rest", "hub", "at_rest", "MB"),
        Line(f"hub, {in_flight:,} jobs in flight", "hub", "in_flight", "MB", [Goal(at_most=120)]),
    ]
    if marathon:
        lines.append(Line(f"hub, growth over {marathon:,} jobs", "hub", "growth", "MB", [Goal(at_most=2)]))
    return Benchmark("memory", "Resident memory of the worker", {"hub": hub}, lines, once=frozenset(("hub",)))

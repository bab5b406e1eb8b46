"""How soon an idle worker begins a job, and what it costs to wait for one.

Invariant: every delay is counted, the slowest too; delays from another process begin before its COMMIT is sent.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from benchmarks.figures import Benchmark, Goal, Line, Sample, percentile
from benchmarks.machine import tree_cpu
from benchmarks.stand import Stand


def benchmark(stand: Stand) -> Benchmark:
    jobs = stand.sizes.pickups
    return Benchmark(
        name="pickup",
        title=f"Idle pick-up, {jobs} single jobs",
        contestants={
            "hub": lambda: _from_outside(stand, "hub", jobs),
            "inside": lambda: _from_inside(stand, jobs),
            "pgqueuer": lambda: _from_outside(stand, "pgqueuer", jobs),
        },
        lines=[
            Line("hub, p50", "hub", "p50", "ms", [Goal(at_most=2.0), Goal("pgqueuer, p50")]),
            Line("hub, p95", "hub", "p95", "ms"),
            Line("hub, p99", "hub", "p99", "ms", [Goal(at_most=5.0), Goal("pgqueuer, p99")]),
            Line("hub, same process, p50", "inside", "p50", "ms", [Goal(at_most=2.0)]),
            Line("hub, same process, p95", "inside", "p95", "ms"),
            Line("hub, same process, p99", "inside", "p99", "ms", [Goal(at_most=5.0)]),
            Line("pgqueuer, p50", "pgqueuer", "p50", "ms"),
            Line("pgqueuer, p95", "pgqueuer", "p95", "ms"),
            Line("pgqueuer, p99", "pgqueuer", "p99", "ms"),
        ],
    )


def idle(stand: Stand) -> Benchmark:
    seconds = stand.sizes.idle
    return Benchmark(
        name="idle",
        title=f"Idle for {seconds:g} s, CPU a second",
        contestants={
            "hub": lambda: _idle(stand, "hub", seconds),
            "pgqueuer": lambda: _idle(stand, "pgqueuer", seconds),
        },
        lines=[
            Line("hub, worker and server", "hub", "both", "ms/s", [Goal(at_most=10.0)]),
            Line("hub, worker", "hub", "worker", "ms/s"),
            Line("hub, server", "hub", "server", "ms/s"),
            Line("pgqueuer, worker and server", "pgqueuer", "both", "ms/s"),
        ],
        once=frozenset(("hub", "pgqueuer")),
    )


def _from_outside(stand: Stand, product: str, jobs: int) -> Sample:
    with (
        stand.fresh(product) as url,
        stand.child(f"{product}_server", url=url, expected=jobs) as worker,
        stand.child(f"{product}_producer", url=url, jobs=jobs) as producer,
    ):
        worker.go()
        worker.answer()  # it serves
        producer.go()
        committed = producer.answer()["committed"]
        worker.say("stop")  # it answers once it has begun all of them
        return _delays(worker.answer()["began"], committed)


def _from_inside(stand: Stand, jobs: int) -> Sample:
    with stand.fresh("hub") as url, stand.child("hub_server", url=url, own=jobs) as worker:
        worker.go()
        worker.answer()
        worker.say("stop")
        told = worker.answer()
        return _delays(told["began"], told["committed"])


def _delays(began: Mapping[str, int], committed: Mapping[str, int]) -> Sample:
    """Milliseconds."""
    delays = [max(0, began[number] - time) / 1e6 for number, time in committed.items()]
    return {f"p{share}": percentile(delays, share / 100) for share in (50, 95, 99)}


def _idle(stand: Stand, product: str, seconds: float) -> Sample:
    with stand.fresh(product) as url, stand.child(f"{product}_server", url=url) as worker:
        worker.go()
        worker.answer()
        time.sleep(min(1.0, seconds))  # until start-up is over
        before = (tree_cpu(worker.pid), stand.server_cpu())
        time.sleep(seconds)
        after = (tree_cpu(worker.pid), stand.server_cpu())
        worker.say("stop")
        worker.answer()
    figures: dict[str, Any] = {}
    for name, begin, end in zip(("worker", "server"), before, after, strict=True):
        if begin is not None and end is not None:
            figures[name] = (end - begin) * 1000 / seconds
    return {**figures, "both": sum(figures.values())} if len(figures) == 2 else figures

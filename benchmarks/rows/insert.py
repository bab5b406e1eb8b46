"""Jobs a second through a handler that writes one row: in the job's own transaction, committed with its completion.

Invariant: the hub's effect, completion and history are one commit; pgqueuer's handler commits its row by itself, so
that a crash can repeat it. pgbench runs the hub's transaction without a queue.
"""

from __future__ import annotations

from benchmarks import pgbench
from benchmarks.figures import Benchmark, Goal, Line, Measure, Sample
from benchmarks.rows.filled import hub_queue, pgqueuer_queue
from benchmarks.stand import Stand

WORKERS = 16


def benchmark(stand: Stand) -> Benchmark:
    jobs = stand.sizes.inserts

    def hub() -> Sample:
        with hub_queue(stand, jobs, "benchmark.insert") as url:
            return stand.measured("hub_jobs", jobs, url=url, jobs=jobs, workers=WORKERS)

    def pgqueuer() -> Sample:
        with pgqueuer_queue(stand, jobs, "insert") as url:
            return stand.measured("pgqueuer_jobs", jobs, url=url, jobs=jobs, batch=1000, pool_size=WORKERS)

    contestants: dict[str, Measure] = {"hub": hub, "pgqueuer": pgqueuer}
    lines = [
        Line("hub, atomic", "hub", "rate", "jobs/s", [Goal("pgqueuer, not atomic", at_least=1.2)]),
        Line("pgqueuer, not atomic", "pgqueuer", "rate", "jobs/s"),
    ]
    found = pgbench.program()
    if found is not None:
        contestants["pgbench"] = lambda: pgbench.transactions(stand, found, jobs)
        lines[0] = Line(
            "hub, atomic", "hub", "rate", "jobs/s", [*lines[0].goals, Goal("pgbench, no queue", at_least=0.75)]
        )
        lines.append(Line("pgbench, no queue", "pgbench", "rate", "jobs/s"))
    return Benchmark("insert", f"One INSERT, {jobs:,} jobs, {WORKERS} workers", contestants, lines)

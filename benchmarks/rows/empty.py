"""Jobs a second through a handler that does nothing: what the queue itself costs.

Invariant: both workers are one process, start on a full queue, and stop the clock when the last job is written.
"""

from __future__ import annotations

from benchmarks.figures import Benchmark, Goal, Line, Sample
from benchmarks.rows.filled import hub_queue, pgqueuer_queue
from benchmarks.stand import Stand

WORKERS = 100


def benchmark(stand: Stand) -> Benchmark:
    jobs = stand.sizes.empty

    def hub() -> Sample:
        with hub_queue(stand, jobs, "benchmark.empty") as url:
            return stand.measured("hub_jobs", jobs, url=url, jobs=jobs, workers=WORKERS)

    def pgqueuer(batch: int) -> Sample:
        with pgqueuer_queue(stand, jobs, "empty") as url:
            return stand.measured("pgqueuer_jobs", jobs, url=url, jobs=jobs, batch=batch)

    return Benchmark(
        name="empty",
        title=f"Empty handler, {jobs:,} jobs, {WORKERS} workers",
        contestants={
            "hub": hub,
            "pgqueuer 1000": lambda: pgqueuer(1000),
            "pgqueuer 100": lambda: pgqueuer(100),
        },
        lines=[
            Line("hub", "hub", "rate", "jobs/s", [Goal("pgqueuer, batch 1000", at_least=1.5)]),
            Line("pgqueuer, batch 1000", "pgqueuer 1000", "rate", "jobs/s"),
            Line("pgqueuer, batch 100", "pgqueuer 100", "rate", "jobs/s"),
        ],
    )

"""Jobs a second through a handler that writes one row, when many jobs are one commit: a transaction shared job by job,
and a batch in one call.

Invariant: each job's effect, completion and history are in one commit, behind its own fence, as when it runs alone.
"""

from __future__ import annotations

from benchmarks.figures import Benchmark, Goal, Line, Sample
from benchmarks.rows.filled import hub_queue, pgqueuer_queue
from benchmarks.stand import Stand

WORKERS = 16


def benchmark(stand: Stand) -> Benchmark:
    jobs = stand.sizes.grouped

    def hub(handler: str) -> Sample:
        with hub_queue(stand, jobs, handler) as url:
            return stand.measured("hub_jobs", jobs, url=url, jobs=jobs, workers=WORKERS)

    def pgqueuer() -> Sample:
        with pgqueuer_queue(stand, jobs, "insert") as url:
            return stand.measured("pgqueuer_jobs", jobs, url=url, jobs=jobs, batch=1000, pool_size=WORKERS)

    goals = [Goal("pgqueuer, not atomic", at_least=2.5)]
    return Benchmark(
        name="grouped",
        title=f"One INSERT, many jobs a commit, {jobs:,} jobs",
        contestants={
            "shared": lambda: hub("benchmark.shared"),
            "driver": lambda: hub("benchmark.shared-driver"),
            "batch": lambda: hub("benchmark.batch"),
            "pgqueuer": pgqueuer,
        },
        lines=[
            Line("hub, shared transaction, job.db", "shared", "rate", "jobs/s", goals),
            Line("hub, shared transaction, asyncpg", "driver", "rate", "jobs/s", goals),
            Line("hub, batch handler", "batch", "rate", "jobs/s", goals),
            Line("pgqueuer, not atomic", "pgqueuer", "rate", "jobs/s"),
        ],
    )

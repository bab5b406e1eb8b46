"""Jobs a second through a handler that writes one row: in the job's own transaction, committed with its completion.

Invariant: the hub's effect, completion and history are one commit; pgqueuer's handler commits its row by itself, so
that a crash can repeat it. pgbench runs the hub's transaction without a queue.
"""

from __future__ import annotations

from benchmarks import pgbench
from benchmarks.figures import Benchmark, Goal, Line, Measure, Sample
from benchmarks.rows.filled import hub_queue, pgqueuer_queue
from benchmarks.stand import Stand

CONNECTIONS = 16
"""For the handlers, and as many again for the queue: pgqueuer is given a pool for each, the hub one for both."""
WORKERS = 48
"""More jobs than connections: a job that waits for one gets it with its transaction begun."""


def benchmark(stand: Stand) -> Benchmark:
    jobs = stand.sizes.inserts

    def hub(handler: str) -> Sample:
        with hub_queue(stand, jobs, handler) as url:
            return stand.measured("hub_jobs", jobs, url=url, jobs=jobs, workers=WORKERS, pool=2 * CONNECTIONS)

    def pgqueuer() -> Sample:
        with pgqueuer_queue(stand, jobs, "insert") as url:
            return stand.measured("pgqueuer_jobs", jobs, url=url, jobs=jobs, batch=1000, pool_size=CONNECTIONS)

    contestants: dict[str, Measure] = {
        "driver": lambda: hub("benchmark.driver"),
        "hub": lambda: hub("benchmark.insert"),
        "sync": lambda: hub("benchmark.sync"),
        "pgqueuer": pgqueuer,
    }
    goals = [Goal("pgqueuer, not atomic", at_least=1.2)]
    lines = [Line("pgqueuer, not atomic", "pgqueuer", "rate", "jobs/s")]
    found = pgbench.program()
    if found is not None:
        contestants["pgbench"] = lambda: pgbench.transactions(stand, found, jobs)
        goals.append(Goal("pgbench, no queue", at_least=0.75))
        lines.append(Line("pgbench, no queue", "pgbench", "rate", "jobs/s"))
    # pgqueuer's handler speaks to asyncpg as well, so the first line is like with like.
    ours = [
        Line("hub, atomic, asyncpg", "driver", "rate", "jobs/s", goals),
        Line("hub, atomic, job.db", "hub", "rate", "jobs/s", goals),
        Line("hub, atomic, job.db in a thread", "sync", "rate", "jobs/s"),
    ]
    title = f"One INSERT, {jobs:,} jobs, 2 x {CONNECTIONS} connections"
    return Benchmark("insert", title, contestants, [*ours, *lines])

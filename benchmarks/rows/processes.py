"""Jobs a second of one and of two processes on one queue, each job with one INSERT: `jobs.processes` in small.

Invariant: the time runs from the word to go until the database shows every job as done.
"""

from __future__ import annotations

import time
from contextlib import ExitStack

from benchmarks.figures import Benchmark, Line, Sample
from benchmarks.rows.filled import hub_queue
from benchmarks.stand import Stand

WORKERS = 24
_LEFT = "SELECT count(*) FROM queue_jobs WHERE statusid <> 3"
_GLANCE = 0.02
"""Seconds between two looks at what is left."""


def benchmark(stand: Stand) -> Benchmark:
    jobs = stand.sizes.inserts

    def shared(processes: int) -> Sample:
        with hub_queue(stand, jobs, "benchmark.insert") as url, ExitStack() as children:
            workers = [
                children.enter_context(stand.child("hub_share", url=url, workers=WORKERS)) for _ in range(processes)
            ]
            for worker in workers:
                worker.ready()
            began = time.perf_counter()
            for worker in workers:
                worker.go()
            while stand.value(url, _LEFT):
                time.sleep(_GLANCE)
            seconds = time.perf_counter() - began
            for worker in workers:
                worker.say("empty")
            cpu = sum(worker.answer()["cpu"] for worker in workers)
            for worker in workers:
                worker.say("end")
            return {"rate": jobs / seconds, "worker_cpu": cpu / jobs * 10_000}

    return Benchmark(
        name="processes",
        title=f"One INSERT, several processes on one machine, {jobs:,} jobs",
        contestants={"one": lambda: shared(1), "two": lambda: shared(2)},
        lines=[
            Line("hub, one process", "one", "rate", "jobs/s"),
            Line("hub, two processes", "two", "rate", "jobs/s"),
        ],
    )

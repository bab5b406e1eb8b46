"""Steps of workflows a second, beside plain jobs with the same handlers: what the context and the order of steps cost.

Invariant: as many steps as jobs, one process each; every workflow has completed, with every step once, when the figure
is taken.
"""

from __future__ import annotations

from benchmarks.figures import Benchmark, Goal, Line, Sample
from benchmarks.rows.filled import hub_queue
from benchmarks.stand import Stand

STEPS = 5
WORKERS = {"benchmark.empty": 100, "benchmark.insert": 16}


def benchmark(stand: Stand) -> Benchmark:
    count = max(5, stand.sizes.empty // 30)
    total = count * STEPS

    def workflows(handler: str) -> Sample:
        spec = {"workflows": count, "steps": STEPS, "handler_name": handler}
        with stand.fresh("hub") as url:
            stand.measured("hub_workflow_starts", count, url=url, **spec)
            stand.settle(url)
            figures = stand.measured("hub_workflows", total, url=url, workers=WORKERS[handler], **spec)
            done = stand.value(url, "SELECT count(*) FROM workflow_executions WHERE status = 'completed'")
            steps = stand.value(url, "SELECT count(*) FROM workflow_steps WHERE status = 'completed'")
            ends = stand.value(url, "SELECT count(DISTINCT jobid) FROM job_histories WHERE statusid = 3")
            assert (done, steps, ends) == (count, total, total), f"of {count}: {done} done, {steps} steps, {ends} ends"
        return figures

    def jobs(handler: str) -> Sample:
        with hub_queue(stand, total, handler) as url:
            return stand.measured("hub_jobs", total, url=url, jobs=total, workers=WORKERS[handler])

    return Benchmark(
        name="workflows",
        title=f"Workflows, {count:,} of {STEPS} steps one after another",
        contestants={
            "steps, empty": lambda: workflows("benchmark.empty"),
            "jobs, empty": lambda: jobs("benchmark.empty"),
            "steps, insert": lambda: workflows("benchmark.insert"),
            "jobs, insert": lambda: jobs("benchmark.insert"),
        },
        lines=[
            Line("steps, empty handler", "steps, empty", "rate", "jobs/s", [Goal("plain jobs, empty", at_least=0.5)]),
            Line("plain jobs, empty", "jobs, empty", "rate", "jobs/s"),
            Line(
                "steps, one INSERT", "steps, insert", "rate", "jobs/s", [Goal("plain jobs, one INSERT", at_least=0.5)]
            ),
            Line("plain jobs, one INSERT", "jobs, insert", "rate", "jobs/s"),
        ],
    )

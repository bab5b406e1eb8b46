"""Steps of workflows a second, beside plain jobs with the same handlers (what the context and the order of steps cost),
and beside dbos.

Invariant: as many steps as jobs, one process each; every workflow has completed, with every step once, when the figure
is taken. dbos, far slower, gets a share of the workflows; its steps write no less than a row each.
"""

from __future__ import annotations

from benchmarks.figures import Benchmark, Goal, Line, Sample
from benchmarks.rows.filled import hub_queue
from benchmarks.stand import Stand

STEPS = 5
WORKERS = {"benchmark.empty": 100, "benchmark.insert": 16}
_INSERTS, _DBOS = 5, 20
"""What part of the workflows have steps that insert, and what part dbos gets."""


def benchmark(stand: Stand) -> Benchmark:
    whole = stand.sizes.workflows
    counts = {"benchmark.empty": whole, "benchmark.insert": max(5, whole // _INSERTS)}

    def workflows(handler: str) -> Sample:
        count = counts[handler]
        total = count * STEPS
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
        total = counts[handler] * STEPS
        with hub_queue(stand, total, handler) as url:
            return stand.measured("hub_jobs", total, url=url, jobs=total, workers=WORKERS[handler])

    def dbos() -> Sample:
        count = max(5, whole // _DBOS)
        with stand.fresh("hub") as url:
            figures = stand.measured("dbos_workflows", count * STEPS, url=url, workflows=count, steps=STEPS)
            steps = stand.value(url, "SELECT count(*) FROM dbos.operation_outputs")
            assert steps == count * STEPS, f"of {count * STEPS} steps of dbos {steps} are there"
        return figures

    goal = Goal("plain jobs, empty", at_least=0.5)
    return Benchmark(
        name="workflows",
        title=f"Workflows, {whole:,} of {STEPS} steps one after another",
        contestants={
            "steps, empty": lambda: workflows("benchmark.empty"),
            "jobs, empty": lambda: jobs("benchmark.empty"),
            "dbos": dbos,
            "steps, insert": lambda: workflows("benchmark.insert"),
            "jobs, insert": lambda: jobs("benchmark.insert"),
        },
        lines=[
            Line("steps, empty handler", "steps, empty", "rate", "jobs/s", [goal, Goal("dbos, empty steps")]),
            Line("plain jobs, empty", "jobs, empty", "rate", "jobs/s"),
            Line("dbos, empty steps", "dbos", "rate", "jobs/s"),
            Line(
                "steps, one INSERT", "steps, insert", "rate", "jobs/s", [Goal("plain jobs, one INSERT", at_least=0.5)]
            ),
            Line("plain jobs, one INSERT", "jobs, insert", "rate", "jobs/s"),
        ],
    )

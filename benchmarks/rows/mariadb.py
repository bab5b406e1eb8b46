"""MariaDB: jobs a second on a server of the run's own, started when it is first asked for; commits are durable.

Invariant: one process, a database that is new and filled before each run; absolute figures, as no other takes part.
"""

from __future__ import annotations

import asyncio

from benchmarks.figures import Benchmark, Goal, Line, Sample
from benchmarks.machine import tree_cpu
from benchmarks.rows.filled import PAYLOAD
from benchmarks.stand import Stand
from hub.db.migrator import migrate
from tests.servers import MariadbService

_EFFECTS = "CREATE TABLE effects (note varchar(255))"


def benchmark(stand: Stand) -> Benchmark:
    jobs, many = stand.sizes.sqlite_inserts, stand.sizes.inserts
    server = _Server(stand)
    return Benchmark(
        name="mariadb",
        title="MariaDB",
        contestants={
            "insert": lambda: server.drained(jobs, "benchmark.insert", 48),
            "shared": lambda: server.drained(many, "benchmark.shared", 16),
            "batch": lambda: server.drained(many, "benchmark.batch", 16),
        },
        lines=[
            Line(f"hub, one INSERT, atomic, {jobs:,} jobs", "insert", "rate", "jobs/s", [Goal(at_least=3500)]),
            Line(f"hub, shared transaction, {many:,} jobs", "shared", "rate", "jobs/s", [Goal(at_least=7000)]),
            Line(f"hub, batch handler, {many:,} jobs", "batch", "rate", "jobs/s", [Goal(at_least=7000)]),
        ],
    )


class _Server:
    """Kept until the stand closes."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._service: MariadbService | None = None

    def drained(self, jobs: int, handler: str, workers: int) -> Sample:
        service = self._service
        if service is None:
            service = self._service = self._stand.enter(MariadbService())
        name = service.unique_name()
        url = service.create_database(name)
        try:
            asyncio.run(migrate(url))
            service.execute(_EFFECTS, _filling(jobs, handler), "ANALYZE TABLE queue_jobs", database=name)
            before = tree_cpu(service.pid)
            figures = self._stand.measured("hub_jobs", jobs, url=url, jobs=jobs, workers=workers)
            after = tree_cpu(service.pid)
            if before is not None and after is not None:
                figures["server_cpu"] = (after - before) / jobs * 10_000
            self._verify(service, name, jobs)
        finally:
            service.drop_database(name)
        return figures

    def _verify(self, service: MariadbService, name: str, jobs: int) -> None:
        found = service.fetch(
            "SELECT (SELECT count(*) FROM queue_jobs WHERE statusid = 3), (SELECT count(DISTINCT jobid) FROM"
            " job_histories), (SELECT count(DISTINCT note) FROM effects)",
            database=name,
        )[0]
        assert found == (jobs, jobs, jobs), f"of {jobs}: {found[0]} done, {found[1]}, {found[2]}"


def _filling(jobs: int, handler: str) -> str:
    return (
        "INSERT INTO queue_jobs (queue, handler, payload)"
        f" SELECT 'default', '{handler}', '{PAYLOAD}' FROM seq_1_to_{jobs}"
    )

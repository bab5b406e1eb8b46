"""Rows a second into the queue, in batches, each committed before the next.

Invariant: one connection at work; verified by the number of rows in the table.
"""

from __future__ import annotations

from benchmarks.figures import Benchmark, Goal, Line, Sample
from benchmarks.stand import Stand

_COPY = "CREATE TABLE queue_copy (LIKE queue_jobs INCLUDING ALL)"


def benchmark(stand: Stand) -> Benchmark:
    rows = stand.sizes.rows

    def insert(product: str, role: str, table: str, batch: int) -> Sample:
        with stand.fresh(product) as url:
            if table == "queue_copy":
                stand.execute(url, _COPY)
            figures = stand.measured(role, rows, url=url, rows=rows, batch=batch)
            found = stand.value(url, f"SELECT count(*) FROM {table}")
            assert found == rows, f"of {rows}: {found} rows"
            return figures

    return Benchmark(
        name="enqueue",
        title=f"Bulk enqueue, {rows:,} rows",
        contestants={
            "hub 1000": lambda: insert("hub", "hub_enqueue", "queue_jobs", 1000),
            "pgqueuer 1000": lambda: insert("pgqueuer", "pgqueuer_enqueue", "pgqueuer", 1000),
            "hub 5000": lambda: insert("hub", "hub_enqueue", "queue_jobs", 5000),
            "pgqueuer 5000": lambda: insert("pgqueuer", "pgqueuer_enqueue", "pgqueuer", 5000),
            "copy": lambda: insert("hub", "copy_rows", "queue_copy", 5000),
        },
        lines=[
            # River's InsertManyFast was 1.46 times as fast as pgqueuer where both were measured in one sitting.
            Line("hub, by 1000", "hub 1000", "rate", "rows/s", [Goal("pgqueuer, by 1000", at_least=1.46)]),
            Line(
                "hub, by 5000", "hub 5000", "rate", "rows/s", [Goal("pgqueuer, by 5000", at_least=1.46), Goal("COPY")]
            ),
            Line("pgqueuer, by 1000", "pgqueuer 1000", "rate", "rows/s"),
            Line("pgqueuer, by 5000", "pgqueuer 5000", "rate", "rows/s"),
            Line("COPY", "copy", "rate", "rows/s"),
        ],
    )

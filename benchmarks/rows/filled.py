"""Queues filled before the workers start, and the proof afterwards that every job was done once.

Invariant: both products get the same number of jobs with the same payload; filling is never part of a figure.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.stand import Stand

PAYLOAD = '{"order": 7, "customer": "c-1029", "lines": [{"sku": "A-17", "quantity": 3}], "note": "as agreed"}'


def hub_rows(count: int, handler: str, **columns: str) -> str:
    """SQL that inserts waiting jobs; `columns` are further columns as SQL expressions of `n` (1 to count)."""
    names = ", ".join(("queue", "handler", "payload", *columns))
    values = ", ".join(("'default'", f"'{handler}'", f"'{PAYLOAD}'", *columns.values()))
    return f"INSERT INTO queue_jobs ({names}) SELECT {values} FROM generate_series(1, {count}) AS n ORDER BY n"


@contextmanager
def hub_queue(stand: Stand, jobs: int, handler: str) -> Iterator[str]:
    """A database with `jobs` waiting; at the end all of them must be done."""
    with stand.fresh("hub") as url:
        stand.execute(url, hub_rows(jobs, handler))
        stand.settle(url)
        yield url
        effects = 0 if handler == "benchmark.empty" else jobs
        done = stand.value(url, "SELECT count(*) FROM queue_jobs WHERE statusid = 3")
        histories = stand.value(url, "SELECT count(DISTINCT jobid) FROM job_histories WHERE statusid = 3")
        found = stand.value(url, "SELECT count(DISTINCT note) FROM effects")
        assert (done, histories, found) == (jobs, jobs, effects), f"of {jobs}: {done} done, {histories}, {found}"


@contextmanager
def pgqueuer_queue(stand: Stand, jobs: int, entrypoint: str) -> Iterator[str]:
    """The same for pgqueuer."""
    with stand.fresh("pgqueuer") as url:
        stand.measured("pgqueuer_enqueue", jobs, url=url, rows=jobs, batch=5_000, entrypoint=entrypoint)
        stand.settle(url)
        yield url
        effects = jobs if entrypoint == "insert" else 0
        done = stand.value(url, "SELECT count(DISTINCT job_id) FROM pgqueuer_log WHERE status = 'successful'")
        found = stand.value(url, "SELECT count(DISTINCT note) FROM effects")
        assert (done, found) == (jobs, effects), f"of {jobs}: {done} done, {found}"

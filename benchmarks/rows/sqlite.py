"""The embedded database: jobs a second on a SQLite file in WAL mode, synchronous FULL.

Invariant: one process, one file, filled before; absolute figures, as no other takes part.
"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from benchmarks.figures import Benchmark, Goal, Line, Sample
from benchmarks.rows.filled import PAYLOAD
from benchmarks.stand import EFFECTS, Stand
from hub.resources import migrations_dir


def benchmark(stand: Stand) -> Benchmark:
    empty, inserts, grouped = stand.sizes.sqlite_empty, stand.sizes.sqlite_inserts, stand.sizes.grouped
    return Benchmark(
        name="sqlite",
        title="SQLite",
        contestants={
            "empty": lambda: _drained(stand, empty, "benchmark.empty", 100),
            "insert": lambda: _drained(stand, inserts, "benchmark.insert", 16),
            "shared": lambda: _drained(stand, inserts, "benchmark.shared", 16),
            "batch": lambda: _drained(stand, grouped, "benchmark.batch", 16),
        },
        lines=[
            Line(f"hub, empty handler, {empty:,} jobs", "empty", "rate", "jobs/s"),
            Line(f"hub, one INSERT, atomic, {inserts:,} jobs", "insert", "rate", "jobs/s", [Goal(at_least=2000)]),
            Line(f"hub, one INSERT, shared transaction, {inserts:,} jobs", "shared", "rate", "jobs/s"),
            Line(f"hub, batch handler, {grouped:,} jobs", "batch", "rate", "jobs/s", [Goal(at_least=40_000)]),
        ],
    )


def _drained(stand: Stand, jobs: int, handler: str, workers: int) -> Sample:
    folder = stand.folder / "sqlite"
    folder.mkdir()
    try:
        path = folder / "hub.db"
        _fill(path, jobs, handler)
        figures = stand.measured("hub_jobs", jobs, url=f"sqlite:///{path}", jobs=jobs, workers=workers)
        _verify(path, jobs, 0 if handler == "benchmark.empty" else jobs)
        return figures
    finally:
        shutil.rmtree(folder)


def _fill(path: Path, jobs: int, handler: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    for file in sorted(migrations_dir("sqlite").iterdir(), key=lambda file: file.name):
        connection.executescript(file.read_text(encoding="utf-8"))
    connection.execute(EFFECTS)
    connection.execute("BEGIN")
    rows = ((handler, PAYLOAD) for _ in range(jobs))
    connection.executemany("INSERT INTO queue_jobs (queue, handler, payload) VALUES ('default', ?, ?)", rows)
    connection.execute("COMMIT")
    connection.close()


def _verify(path: Path, jobs: int, effects: int) -> None:
    connection = sqlite3.connect(path)
    try:
        done = connection.execute("SELECT count(*) FROM queue_jobs WHERE statusid = 3").fetchone()[0]
        histories = connection.execute("SELECT count(DISTINCT jobid) FROM job_histories").fetchone()[0]
        found = connection.execute("SELECT count(DISTINCT note) FROM effects").fetchone()[0]
    finally:
        connection.close()
    assert (done, histories, found) == (jobs, jobs, effects), f"of {jobs}: {done} done, {histories}, {found}"

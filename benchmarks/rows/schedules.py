"""What a schedule that is due costs, among a hundred schedules and among very many.

Invariant: each second as many are due, and in the large table they are others each time, apart from one another; all
of them have fired once a time when the figure is taken.
"""

from __future__ import annotations

import shutil
import sqlite3

from benchmarks.figures import Benchmark, Goal, Line, Sample
from benchmarks.stand import Stand
from hub.resources import migrations_dir

DUE = 100
_BEGIN = "2026-03-01T12:00:00Z"
_SPREAD = {
    "postgresql": "timestamptz '2026-03-01 12:00:00+00' + (1 + 37 * n % {groups}) * interval '1 second'",
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', '2026-03-01 12:00:00', '+' || (1 + 37 * n % {groups}) || ' seconds')",
}


def benchmark(stand: Stand) -> Benchmark:
    many, ticks = max(2 * DUE, stand.sizes.rows), max(2, stand.sizes.rows // 500)

    def postgresql(schedules: int) -> Sample:
        with stand.fresh("hub") as url:
            for statement in _filling("postgresql", schedules):
                stand.execute(url, statement)
            stand.settle(url)
            return _ticked(stand, url, ticks)

    def sqlite(schedules: int) -> Sample:
        folder = stand.folder / "schedules"
        folder.mkdir()
        try:
            connection = sqlite3.connect(folder / "hub.db", isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            files = sorted(migrations_dir("sqlite").iterdir(), key=lambda file: file.name)
            for text in [*(file.read_text(encoding="utf-8") for file in files), *_filling("sqlite", schedules)]:
                connection.executescript(text)
            connection.execute("ANALYZE")
            connection.close()
            return _ticked(stand, f"sqlite:///{folder / 'hub.db'}", ticks)
        finally:
            shutil.rmtree(folder)

    few = f"among {DUE}, PostgreSQL"
    few_sqlite = f"among {DUE}, SQLite"
    return Benchmark(
        name="schedules",
        title=f"Schedules, {DUE} due a tick, {ticks} ticks; time for each that is due",
        contestants={
            "few": lambda: postgresql(DUE),
            "many": lambda: postgresql(many),
            "few, sqlite": lambda: sqlite(DUE),
            "many, sqlite": lambda: sqlite(many),
        },
        lines=[
            Line(few, "few", "each", "us"),
            Line(f"among {many:,}, PostgreSQL", "many", "each", "us", [Goal(few, at_most=1.2)]),
            Line(few_sqlite, "few, sqlite", "each", "us"),
            Line(f"among {many:,}, SQLite", "many, sqlite", "each", "us", [Goal(few_sqlite, at_most=1.2)]),
        ],
    )


def _filling(dialect: str, schedules: int) -> list[str]:
    """SQL for intervals of as many seconds as there are groups; a group is due each second, spread over the table."""
    groups = schedules // DUE
    series = {
        "postgresql": f"SELECT n FROM generate_series(1, {groups * DUE}) AS n",
        "sqlite": "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s"
        f" WHERE n < {groups * DUE}) SELECT n FROM s",
    }[dialect]
    due = _SPREAD[dialect].format(groups=groups)
    return [
        "DELETE FROM jobs",
        "INSERT INTO jobs (id, name, handler, payload, intervalseconds, nextrunat)"
        f" SELECT 'n' || n, 'n' || n, 'benchmark.empty', '{{}}', {groups}, {due} FROM ({series}) AS numbers",
        "UPDATE job_plans SET planned = revision",
    ]


def _ticked(stand: Stand, url: str, ticks: int) -> Sample:
    told = stand.measured("hub_schedules", ticks * DUE, url=url, begin=_BEGIN, ticks=ticks)
    assert told["fired"] == ticks * DUE, f"of {ticks * DUE}: {told['fired']} fired"
    return {**told, "each": told["seconds"] / told["fired"] * 1e6}

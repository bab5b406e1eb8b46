"""What a schedule that is due costs, among a hundred schedules, among very many, and among a tenth of those.

Invariant: each second as many are due, and in the large table they are others each time; all of them have fired once a
time when the figure is taken. Those that are due together lie apart from one another, as they do in practice: then each
is a page of its own to be written, in the smaller of the two large tables already. Where they lie side by side what is
left is the scheduler's own cost.
"""

from __future__ import annotations

import shutil
import sqlite3

from benchmarks.figures import Benchmark, Goal, Line, Sample
from benchmarks.stand import Stand
from hub.resources import migrations_dir

DUE = 100
_BEGIN = "2026-03-01T12:00:00Z"
_APART, _SIDE_BY_SIDE = "37 * n % {groups}", f"(n - 1) / {DUE}"
_FIRST = {
    "postgresql": "timestamptz '2026-03-01 12:00:00+00' + (1 + {group}) * interval '1 second'",
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', '2026-03-01 12:00:00', '+' || (1 + {group}) || ' seconds')",
}


def benchmark(stand: Stand) -> Benchmark:
    many, ticks = max(4 * DUE, stand.sizes.rows), max(2, stand.sizes.rows // 500)

    def postgresql(schedules: int, group: str = _APART) -> Sample:
        with stand.fresh("hub") as url:
            for statement in _filling("postgresql", schedules, group):
                stand.execute(url, statement)
            stand.settle(url)
            return _ticked(stand, url, ticks)

    def sqlite(schedules: int, group: str = _APART) -> Sample:
        folder = stand.folder / "schedules"
        folder.mkdir()
        try:
            connection = sqlite3.connect(folder / "hub.db", isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            files = sorted(migrations_dir("sqlite").iterdir(), key=lambda file: file.name)
            for text in [*(file.read_text(encoding="utf-8") for file in files), *_filling("sqlite", schedules, group)]:
                connection.executescript(text)
            connection.execute("ANALYZE")
            connection.close()
            return _ticked(stand, f"sqlite:///{folder / 'hub.db'}", ticks)
        finally:
            shutil.rmtree(folder)

    some = max(2 * DUE, many // 10)
    few, ten_times_fewer = f"among {DUE}, PostgreSQL", f"among {some:,}, PostgreSQL"
    few_sqlite, ten_times_fewer_sqlite = f"among {DUE}, SQLite", f"among {some:,}, SQLite"
    return Benchmark(
        name="schedules",
        title=f"Schedules, {DUE} due a tick, {ticks} ticks; time for each that is due",
        contestants={
            "few": lambda: postgresql(DUE),
            "some": lambda: postgresql(some),
            "many": lambda: postgresql(many),
            "many, side by side": lambda: postgresql(many, _SIDE_BY_SIDE),
            "few, sqlite": lambda: sqlite(DUE),
            "some, sqlite": lambda: sqlite(some),
            "many, sqlite": lambda: sqlite(many),
            "many, side by side, sqlite": lambda: sqlite(many, _SIDE_BY_SIDE),
        },
        lines=[
            Line(few, "few", "each", "us"),
            Line(ten_times_fewer, "some", "each", "us"),
            Line(
                f"among {many:,}, PostgreSQL",
                "many",
                "each",
                "us",
                [Goal(few, at_most=1.2), Goal(ten_times_fewer, at_most=1.2)],
            ),
            Line("those due side by side, PostgreSQL", "many, side by side", "each", "us", [Goal(few, at_most=1.2)]),
            Line(few_sqlite, "few, sqlite", "each", "us"),
            Line(ten_times_fewer_sqlite, "some, sqlite", "each", "us"),
            Line(
                f"among {many:,}, SQLite",
                "many, sqlite",
                "each",
                "us",
                [Goal(few_sqlite, at_most=1.2), Goal(ten_times_fewer_sqlite, at_most=1.2)],
            ),
            Line(
                "those due side by side, SQLite",
                "many, side by side, sqlite",
                "each",
                "us",
                [Goal(few_sqlite, at_most=1.2)],
            ),
        ],
    )


def _filling(dialect: str, schedules: int, group: str) -> list[str]:
    """SQL for intervals of as many seconds as there are groups; a group is due each second."""
    groups = schedules // DUE
    series = {
        "postgresql": f"SELECT n FROM generate_series(1, {groups * DUE}) AS n",
        "sqlite": "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s"
        f" WHERE n < {groups * DUE}) SELECT n FROM s",
    }[dialect]
    due = _FIRST[dialect].format(group=group.format(groups=groups))
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

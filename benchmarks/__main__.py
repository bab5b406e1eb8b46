"""`python -m benchmarks`: the options, the server, the progress bar, the table.

Invariant: the server and every file of a run are its own and are gone afterwards. The exit status is 1 if a contestant
failed, 0 otherwise: goals are said, not enforced.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import machine, report
from benchmarks.run import BENCHMARKS, Measurement
from benchmarks.sizes import Sizes
from benchmarks.stand import SERVER, Stand
from tests.servers import PostgresService, Unavailable

_BUSY = 0.7
_WIDTH = 130


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    console, quiet = Console(), Console(stderr=True)
    if not console.is_terminal:
        console.width = _WIDTH
    names = options.only or list(BENCHMARKS)
    try:
        server = PostgresService(SERVER)
    except Unavailable as reason:
        console.print(f"No benchmarks: {reason}")
        return 1
    notes = []
    if (load := machine.load()) > _BUSY:
        notes.append(f"this machine was busy before the run (load {load:.1f}): absolute figures are too low")
    with server, tempfile.TemporaryDirectory(prefix="hub-benchmarks-") as folder:
        stand = Stand(server, _sizes(options), Path(folder), options.profile)
        bar = Progress(
            TextColumn("{task.description:28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=quiet
        )
        with bar:
            task = bar.add_task("")
            run = Measurement(stand, options.runs, lambda name, who: bar.advance(task))
            benchmarks = [BENCHMARKS[name](stand) for name in names]
            bar.update(task, total=run.steps(benchmarks))
            results = []
            for benchmark in benchmarks:
                bar.update(task, description=benchmark.name)
                results.append(run.measure(benchmark))
        description = {**machine.described(), "server": str(server.fetch("SHOW server_version")[0][0])}
        stand.close()
    notes += run.notes
    console.print("  ".join(f"{key}: {value}" for key, value in description.items()), style="dim")
    report.show(console, results)
    for note in notes:
        console.print(f"  {note}", style="dim")
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(report.as_json(results, description, notes))))
    if options.plans and run.plans:
        options.plans.write_text("\n\n".join(f"-- {plan.summary}\n{plan.text}" for plan in run.plans) + "\n")
    return 1 if any(one.failures for one in results) else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the hub beside others.")
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS), help="this benchmark (may be repeated)")
    parser.add_argument("--runs", type=int, default=3, help="runs behind each median (default 3)")
    parser.add_argument("--quick", action="store_true", help="small numbers, one run: does it work?")
    parser.add_argument("--long", action="store_true", help="memory over a million jobs as well")
    parser.add_argument("--size", type=int, metavar="ROWS", help="rows of the large tables (default 1,000,000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--plans", type=Path, metavar="FILE", help="write the claim's plans on the large table there")
    parser.add_argument(
        "--profile", type=Path, metavar="FOLDER", help="run the processes under cProfile, results there"
    )
    options = parser.parse_args(arguments)
    if options.quick:
        options.runs = 1
    if options.profile:
        options.profile.mkdir(parents=True, exist_ok=True)
        options.profile = options.profile.absolute()
    return options


def _sizes(options: argparse.Namespace) -> Sizes:
    sizes = Sizes.quick() if options.quick else Sizes()
    if options.size:
        sizes = sizes.with_backlog(options.size)
    if options.long:
        sizes = dataclasses.replace(sizes, marathon=1_000_000, timeout=600.0)
    return sizes


if __name__ == "__main__":
    sys.exit(main())

"""The benchmarks run to their end with a handful of jobs, and their arithmetic holds. Figures are for `make bench`."""

import dataclasses
import io
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from benchmarks import machine, report
from benchmarks.child import Child, ChildFailed
from benchmarks.figures import Benchmark, Goal, Line, Results, percentile
from benchmarks.run import BENCHMARKS, Measurement
from benchmarks.sizes import Sizes
from benchmarks.stand import Stand
from tests.servers import PostgresDatabases

# The same code as another contestant, with another number, or put together otherwise.
REPEATED = {
    "empty": {"pgqueuer 100"},
    "enqueue": {"hub 5000", "pgqueuer 5000"},
    "idle": {"pgqueuer"},
    "locks": {"insert", "empty Redis", "insert Memcached"},
    "processes": {"one"},
    "schedules": {"few", "few, sqlite"},
    "size": {"small", "future"},
    "sustained": {"plain", "hot"},
    "workflows": {"steps, empty", "jobs, insert"},
}


@pytest.fixture
def stand(postgres: PostgresDatabases, tmp_path: Path) -> Iterator[Stand]:
    stand = Stand(postgres, Sizes.tiny(), tmp_path)
    try:
        yield stand
    finally:
        stand.close()


@pytest.mark.postgres
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs_and_every_line_has_its_figure(stand: Stand, name: str) -> None:
    benchmark = BENCHMARKS[name](stand)
    kept = {one: run for one, run in benchmark.contestants.items() if one not in REPEATED.get(name, set())}
    lines = [line for line in benchmark.lines if line.contestant in kept]
    run = Measurement(stand, runs=1, advance=lambda benchmark, contestant: None)

    results = run.measure(dataclasses.replace(benchmark, contestants=kept))

    assert results.failures == {}
    # the CPU of a server that the stand did not start is nobody's to know
    known = [line for line in lines if line.figure not in ("both", "server")]
    assert [line.name for line in known if results.figure(line) is None] == []
    assert [plan.statement for plan in run.plans] == (["claim", "complete"] * 2 if name == "size" else [])


def test_every_contestant_has_a_line_and_every_ratio_names_one(stand: Stand) -> None:
    for name, make in BENCHMARKS.items():
        benchmark = make(stand)
        names = [line.name for line in benchmark.lines]
        assert benchmark.name == name
        assert {line.contestant for line in benchmark.lines} == set(benchmark.contestants)
        assert {goal.of for line in benchmark.lines for goal in line.goals if goal.of} <= set(names)
        assert len(set(names)) == len(names)


def test_contestants_take_turns_and_one_that_fails_takes_no_other_along(stand: Stand) -> None:
    def broken() -> dict[str, float]:
        raise ValueError("no such thing\nand more")

    benchmark = Benchmark(
        "any",
        "Any",
        {"a": lambda: {"rate": 1.0}, "b": broken, "c": lambda: {"rate": 2.0}},
        lines=[],
        once=frozenset("c"),
    )
    turns: list[str] = []
    run = Measurement(stand, runs=2, advance=lambda _, contestant: turns.append(contestant))

    results = run.measure(benchmark)

    assert turns == ["a", "b", "c", "a", "b"]
    assert run.steps([benchmark]) == len(turns)
    assert results.failures == {"b": "ValueError: no such thing"}
    assert {name: len(samples) for name, samples in results.samples.items()} == {"a": 2, "c": 1}


def test_a_figure_is_the_median_and_a_ratio_one_median_over_another() -> None:
    ours = Line("ours", "a", "rate", "jobs/s", [Goal("theirs", at_least=1.5), Goal(at_most=19.0), Goal("absent")])
    lines = [ours, Line("theirs", "b", "rate", "jobs/s"), Line("absent", "c", "rate", "jobs/s")]
    results = Results(Benchmark("any", "Any", {}, lines))
    for value in (10.0, 30.0, 20.0):
        results.add("a", {"rate": value, "worker_cpu": 0.5})
        results.add("b", {"rate": value / 2})

    assert results.figure(ours) == 20.0
    assert [results.compared(ours, goal) for goal in ours.goals] == [2.0, 20.0, None]
    assert [goal.met(20.0) for goal in ours.goals] == [True, False, None]

    console = Console(file=io.StringIO(), width=130)
    report.show(console, [results])
    shown = console.file.getvalue()  # type: ignore[attr-defined]  # Console knows its file as IO[str]
    assert "2.00 x theirs" in shown
    assert "yes" in shown
    assert "no" in shown
    told = msgspec.json.decode(msgspec.json.encode(report.as_json([results], {"cpu": "2 x any"}, ["a note"])))
    assert told["benchmarks"][0]["lines"][0] == {
        "name": "ours",
        "unit": "jobs/s",
        "median": 20.0,
        "runs": [10.0, 30.0, 20.0],
        "worker_cpu": 0.5,
        "server_cpu": None,
        "goals": [
            {"of": "theirs", "at_least": 1.5, "at_most": None, "value": 2.0, "met": True},
            {"of": None, "at_least": None, "at_most": 19.0, "value": 20.0, "met": False},
            {"of": "absent", "at_least": None, "at_most": None, "value": None, "met": None},
        ],
    }


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_a_value_that_occurred(share: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_the_cpu_of_a_process_includes_those_it_has_collected() -> None:
    before = machine.tree_cpu(os.getpid())
    with Child("no_such_role", timeout=20) as child, pytest.raises(ChildFailed, match="ended with status"):
        child.ready()
    after = machine.tree_cpu(os.getpid())

    if before is not None and after is not None:
        assert after > before


def test_a_child_that_takes_too_long_is_ended() -> None:
    with Child("hub_jobs", timeout=0.1) as child, pytest.raises(ChildFailed, match="took more than"):
        child.ready()

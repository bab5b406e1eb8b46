"""Claims and finishes on large tables: a backlog, future rows, a held snapshot, ordering keys.

Invariant: the small and the large table are measured in turn with the same number of jobs; what is claimed there is
completed with its history. The statements are the worker's own, through its store.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.figures import Benchmark, Goal, Line, Sample
from benchmarks.rows.filled import hub_rows
from benchmarks.stand import Stand

_EMPTY = "benchmark.empty"
_FINISHED = {"statusid": "3", "fence": "1", "startedat": "now()", "completedat": "now()"}
_FUTURE = {"statusid": "7", "priority": "9", "scheduledat": "now() + interval '1 day'"}


def size(stand: Stand) -> Benchmark:
    """The claim at few and at many rows; the same with as many future rows of higher priority."""
    few, many = stand.sizes.few, stand.sizes.backlog

    def small() -> Sample:
        with stand.fresh("hub", checkpoint=False) as url:
            stand.execute(url, hub_rows(few, _EMPTY))
            stand.settle(url)
            return _claimed(stand, url, few)

    def large() -> Sample:
        url = stand.kept("large", hub_rows(many, _EMPTY, **_FINISHED), hub_rows(many, _EMPTY))
        return _claimed(stand, url, few)

    def future() -> Sample:
        url = stand.kept("future", hub_rows(many, _EMPTY, **_FUTURE), hub_rows(min(many, few * 8), _EMPTY))
        return _claimed(stand, url, few)

    reference = f"{few:,} waiting"
    return Benchmark(
        name="size",
        title=f"Claim and complete by 200, {few:,} jobs",
        contestants={"small": small, "large": large, "future": future},
        lines=[
            Line(reference, "small", "rate", "jobs/s"),
            Line(f"{many:,} waiting + {many:,} finished", "large", "rate", "jobs/s", [Goal(reference)]),
            Line(f"{many:,} of tomorrow before them", "future", "rate", "jobs/s", [Goal(reference, at_least=0.8)]),
            Line(f"claim, p50, {reference}", "small", "p50", "ms"),
            Line("claim, p50, many waiting", "large", "p50", "ms", [Goal(f"claim, p50, {reference}", at_most=1.5)]),
            Line(f"claim, p95, {reference}", "small", "p95", "ms"),
            Line("claim, p95, many waiting", "large", "p95", "ms", [Goal(f"claim, p95, {reference}")]),
        ],
    )


def sustained(stand: Stand) -> Benchmark:
    """A long run, alone, beside a transaction that pins the vacuum's horizon, and with ordering keys."""
    jobs = stand.sizes.pinned
    few = min(stand.sizes.few, jobs)

    def run(count: int, columns: dict[str, str], *, pinned: bool = False) -> Sample:
        with stand.fresh("hub") as url:
            stand.execute(url, hub_rows(count, _EMPTY, **columns))
            stand.settle(url)
            with _snapshot(stand, url) if pinned else _nothing():
                return _claimed(stand, url, count, complete=not pinned)

    two_a_key = {"orderingkey": f"'key-' || (n % {max(1, jobs // 2)})"}
    unkeyed = "no keys, nothing pinned"
    return Benchmark(
        name="sustained",
        title=f"Claim and complete by 200, {jobs:,} jobs",
        contestants={
            "plain": lambda: run(jobs, {}),
            "pinned": lambda: run(jobs, {}, pinned=True),
            "keys": lambda: run(jobs, two_a_key),
            "hot": lambda: run(few, {"orderingkey": "'hot'"}),
        },
        lines=[
            Line(unkeyed, "plain", "rate", "jobs/s"),
            Line("  the last fifth of them", "plain", "last", "jobs/s"),
            Line("beside a held snapshot", "pinned", "rate", "jobs/s", [Goal(unkeyed, at_least=0.8)]),
            Line("  the last fifth beside it", "pinned", "last", "jobs/s", [Goal("  the last fifth of them")]),
            Line(f"{jobs // 2:,} ordering keys x 2", "keys", "rate", "jobs/s", [Goal(unkeyed, at_least=0.6)]),
            Line(f"one ordering key, {few:,} jobs", "hot", "rate", "jobs/s", [Goal(at_least=5000)]),
        ],
        once=frozenset(("plain", "pinned", "keys", "hot")),
    )


def _claimed(stand: Stand, url: str, jobs: int, *, complete: bool = True) -> Sample:
    told = stand.measured("hub_claims", jobs, url=url, jobs=jobs)
    done, parts = told["jobs"], told.pop("parts")
    assert done == jobs or not complete, f"of {jobs}: {done} done"
    return {**told, "rate": done / told["seconds"], "last": parts[-1] if parts else 0.0}


@contextmanager
def _snapshot(stand: Stand, url: str) -> Iterator[None]:
    """Another session in an open REPEATABLE READ transaction that has read something."""
    with stand.child("snapshot", url=url) as holder:
        holder.go()
        holder.answer()
        yield
        holder.say("end")


@contextmanager
def _nothing() -> Iterator[None]:
    yield

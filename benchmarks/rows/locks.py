"""What the locks of claimed jobs cost: the same jobs with Redis, with Memcached, and without.

Invariant: the contestants differ in their locks alone, and are measured in turn. A cache that is lost on the way is an
error, not a figure.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks.figures import Benchmark, Goal, Line, Measure, Sample
from benchmarks.rows.filled import hub_queue
from benchmarks.stand import Stand
from tests.servers import MemcachedService, RedisService, Unavailable

WORKERS = 48
_GOAL = 0.9


def benchmark(stand: Stand) -> Benchmark:
    inserts, empty = stand.sizes.inserts, stand.sizes.empty

    def run(handler: str, jobs: int, cache: str | None) -> Sample:
        with hub_queue(stand, jobs, handler) as url:
            return stand.measured("hub_locked", jobs, url=url, jobs=jobs, workers=WORKERS, cache=cache)

    def beside(server: Callable[[], RedisService | MemcachedService], handler: str, jobs: int) -> Sample:
        with server() as cache:
            return run(handler, jobs, cache.url)

    contestants: dict[str, Measure] = {
        "insert": lambda: run("benchmark.insert", inserts, None),
        "empty": lambda: run("benchmark.empty", empty, None),
    }
    none = {"insert": "one INSERT, no locks", "empty": "empty handler, no locks"}
    lines = []
    for handler, jobs in (("insert", inserts), ("empty", empty)):
        lines.append(Line(none[handler], handler, "rate", "jobs/s"))
        for name, server in (("Redis", RedisService), ("Memcached", MemcachedService)):
            if not _installed(server):
                continue
            key = f"{handler} {name}"
            contestants[key] = partial(beside, server, f"benchmark.{handler}", jobs)
            goal = Goal(none[handler], at_least=_GOAL if handler == "insert" and name == "Redis" else None)
            lines.append(Line(f"  {key.replace(' ', ', locks in ')}", key, "rate", "jobs/s", [goal]))
    return Benchmark("locks", f"Locks of claimed jobs, {WORKERS} workers", contestants, lines)


def _installed(server: type[RedisService] | type[MemcachedService]) -> bool:
    try:
        server()
    except Unavailable:
        return False
    return True

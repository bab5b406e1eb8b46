"""Several hubs on one database and one cache, kept at work while something happens to the cache.

Invariant: as long as the load lasts there is always something to do, so that a hub without an end waits for something
else than work; and each fault lasts until every hub has noticed it, however fast or slow the machine.
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Self

from tests.faults.campaign import SETTLING, Campaign
from tests.faults.generator import insert
from tests.faults.outside import Outside
from tests.faults.process import Victim
from tests.faults.waiting import until
from tests.servers import MemcachedService, RedisService, free_port

Cache = RedisService | MemcachedService

_THERE = "is there: locks are shared"
_AWAY = "single-instance mode until the cache answers"
_BACKLOG = 150
"""So many jobs wait at least, as long as the load lasts."""
_LOOK = 0.1


class Load:
    """Jobs for a crowd: at least `jobs` of them, and as many more as it takes until everything has happened."""

    def __init__(self, campaign: Campaign, jobs: int) -> None:
        self._campaign = campaign
        self._outside = campaign.outside
        self._jobs = jobs
        self._slice = max(2 * _BACKLOG, jobs // 10)
        self.inserted = 0
        self.ended = 0.0
        """When the last of them came (seconds since 1970)."""

    def until(self, happened: Callable[[], object], what: Callable[[], str] | str) -> None:
        """Keep the load up until it has happened. Raises TimeoutError when it does not."""

        def fed() -> bool:
            if self._outside.unsettled() < _BACKLOG:
                self._insert(self._slice)
            if happened():
                return True
            time.sleep(_LOOK)
            return False

        until(fed, SETTLING, what)

    def goes_on(self) -> None:
        """Until a slice more has ended."""
        goal = self._done() + self._slice
        self.until(lambda: self._done() >= goal, "the work does not go on")

    def finish(self) -> None:
        """What is left of the jobs, and their end."""
        self._insert(max(0, self._jobs - self.inserted))
        self._outside.settled(SETTLING)

    def _insert(self, count: int) -> None:
        if count:
            insert(self._outside.url, self._campaign.ledger, count, kinds=self._campaign.kinds)
            self.inserted += count
            self.ended = time.time()

    def _done(self) -> int:
        return self._outside.count("statusid = 3")


class Crowd:
    """The hubs: `shared` with the cache, `alone` without one."""

    def __init__(self, shared: Sequence[Victim], alone: Sequence[Victim]) -> None:
        self.shared = shared
        self.all = [*shared, *alone]

    def all_without(self, load: Load, cause: Callable[[], None]) -> None:
        """Bring it about that the cache is away; until every hub has said so."""
        before = [hub.output().count(_AWAY) for hub in self.shared]
        cause()
        load.until(
            lambda: all(hub.output().count(_AWAY) > count for hub, count in zip(self.shared, before, strict=True)),
            lambda: "the loss goes unnoticed" + "".join(f"\n{hub.output()[-2000:]}" for hub in self.shared),
        )

    def all_with(self, load: Load, cause: Callable[[], None] | None = None) -> None:
        """Bring it about that the cache is there; until every hub has said so last."""
        if cause is not None:
            cause()
        load.until(
            lambda: all(hub.output().rfind(_THERE) > hub.output().rfind(_AWAY) for hub in self.shared),
            lambda: "the way back is not found" + "".join(f"\n{hub.output()[-2000:]}" for hub in self.shared),
        )

    def suffer(self, cache: Cache, load: Load) -> None:
        """All that can happen to a cache, one after another: frozen, emptied, killed, started, restarted, and again."""
        self.all_with(load)
        load.goes_on()
        self.all_without(load, cache.sigstop)
        load.goes_on()
        self.all_with(load, cache.sigcont)
        cache.flush()
        load.goes_on()
        self.all_without(load, cache.kill9)
        load.goes_on()
        self.all_with(load, cache.start)
        cache.restart()
        load.goes_on()
        self.all_with(load)
        cache.flush()
        self.all_without(load, cache.sigstop)
        load.goes_on()
        self.all_with(load, cache.sigcont)


@contextmanager
def crowd(campaign: Campaign, folder: Path, cache: Cache | None, *, shared: int, alone: int) -> Iterator[Crowd]:
    """So many hubs, started; all of them end in an orderly way."""
    with ExitStack() as started:

        def started_hub(number: int, with_cache: bool) -> Victim:
            file = folder / f"hub-{number}.json"
            file.write_text(json.dumps(_configuration(campaign, cache if with_cache else None)))
            return started.enter_context(campaign.victim(hub=file))

        hubs = Crowd(
            [started_hub(number, True) for number in range(shared)],
            [started_hub(shared + number, False) for number in range(alone)],
        )
        yield hubs
        for hub in hubs.all:
            campaign.expect_orderly_end(hub)


class Lag:
    """How long the machine kept a thread waiting that wanted to run, at the worst: what it makes of any process."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        pause, before = 0.01, time.monotonic()
        while not self._over.wait(pause):
            now = time.monotonic()
            self.longest, before = max(self.longest, now - before - pause), now


def longest_silences(outside: Outside, until_when: float) -> Mapping[str, float]:
    """Hub → seconds between one end of a job there and the next, the longest of them up to a time."""
    ends: defaultdict[str, list[float]] = defaultdict(list)
    for owner, when in outside.fetch("SELECT executedby, completedat FROM job_histories ORDER BY completedat"):
        moment = datetime.fromisoformat(when) if isinstance(when, str) else when
        at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        if at <= until_when:
            ends[owner].append(at)
    return {owner: max((b - a for a, b in pairwise(times)), default=0.0) for owner, times in ends.items()}


def _configuration(campaign: Campaign, cache: Cache | None) -> dict[str, object]:
    work = campaign.work
    return {
        "database": {"url": campaign.outside.url},
        "http": {"host": "127.0.0.1", "port": free_port()},
        **({"cache": {"adapter": cache.name, "url": cache.url, "timeout": work.cache_timeout}} if cache else {}),
        "jobs": {
            "enabled": True,
            "workers": work.workers,
            "lease": f"{work.lease}s",
            "poll_interval": work.poll_interval,
            "shutdown_timeout": "10s",
        },
        "handlers": ["tests.faults.handlers"],
    }

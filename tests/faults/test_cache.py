"""Fault 5: the cache is killed, emptied, frozen and restarted under load. It costs time at most, and at most one time
limit; every effect is there once, as the database alone decides who owns a job."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from tests.faults.campaign import SETTLING, Campaign
from tests.faults.controls import Control
from tests.faults.engine import Work
from tests.faults.generator import insert
from tests.faults.handlers import EFFECTFUL, EMPTY, UNHURRIED
from tests.faults.outside import Outside
from tests.faults.points import LOCKLESS
from tests.faults.process import Victim
from tests.faults.scale import wanted_jobs
from tests.faults.waiting import until
from tests.servers import MemcachedService, RedisService

LIMIT = 0.5
# What a busy machine may take on top: the clock is that of the rows, and processes wait for the processor too.
SLACK = 2.0
KINDS = (UNHURRIED, EFFECTFUL, UNHURRIED, EMPTY)

Server = RedisService | MemcachedService


@pytest.fixture(params=["postgresql", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def outside(request: pytest.FixtureRequest) -> Iterator[Outside]:
    name = request.param
    url: str = request.getfixturevalue("postgres_url" if name == "postgresql" else "mariadb_url")
    with Outside.of(url) as found:
        found.prepare()
        yield found


@pytest.fixture(params=["redis", "memcached"])
def cache(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(f"own_{request.param}")
    return server


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_cache_is_hurt_under_load(outside: Outside, cache: Server, folder: Path, seed: int) -> None:
    """Two workers with the cache and one without share the jobs."""
    jobs = wanted_jobs(2000)
    work = Work(workers=4, lease=4.0, cache=cache.url, cache_timeout=LIMIT)
    campaign = Campaign(outside, folder, seed=seed, work=work)
    with campaign.victim() as one, campaign.victim() as other, campaign.victim(cache=None) as without:
        insert(outside.url, campaign.ledger, jobs, kinds=KINDS)
        for share, hurt in _faults(cache):
            until(partial(_reached, outside, share * jobs), SETTLING, "the work does not go on")
            hurt()
        outside.settled(SETTLING)
        _told_of_each_mode(one)
        _told_of_each_mode(other)
        assert "no cache is configured" in without.output()
        for worker in (one, other, without):
            campaign.expect_orderly_end(worker)
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.accepted, tally.verdict.effects, tally.verdict.failed) == (jobs, jobs, 0)
    # Nobody has paid for it with an attempt, and nobody has stood still for longer than a time limit.
    assert outside.count("retrycount > 0 OR crashcount > 0") == 0
    assert _longest_silence(outside) < LIMIT + SLACK


@pytest.mark.parametrize("control", [(), (Control.NO_FENCE,)], ids=["sound", "no-fence"])
def test_locks_do_not_stand_in_for_the_fence(
    outside_postgres: Outside, own_redis: RedisService, folder: Path, seed: int, control: tuple[Control, ...]
) -> None:
    """Workers are frozen past their leases, and so past their locks. Without the fence effects are doubled, locks or
    not: so it is not the locks that keep them single."""
    work = Work(cache=own_redis.url, cache_timeout=LIMIT)
    campaign = Campaign(outside_postgres, folder, seed=seed, work=work, control=control)
    tally = campaign.beside_a_zombie(240, zombies=4, points=LOCKLESS)
    assert sum(tally.landed.values()) >= 2, tally
    if control:
        assert tally.verdict.duplicates, str(tally)
    else:
        assert tally.verdict.clean, str(tally)
        assert (tally.verdict.accepted, tally.verdict.effects) == (240, 240)


def _faults(cache: Server) -> Iterator[tuple[float, Callable[[], None]]]:
    """What happens to the cache, once so large a share of the jobs has ended."""
    yield 0.10, cache.sigstop
    yield 0.25, cache.sigcont
    yield 0.35, cache.flush
    yield 0.40, cache.kill9
    yield 0.55, cache.start
    yield 0.65, cache.restart
    yield 0.75, cache.flush
    yield 0.80, cache.sigstop
    yield 0.90, cache.sigcont


def _reached(outside: Outside, jobs: float) -> bool:
    return outside.count("statusid = 3") >= jobs


def _told_of_each_mode(worker: Victim) -> None:
    until(lambda: worker.output().count("is there: locks are shared") >= 3, 20, lambda: worker.output()[-4000:])
    assert worker.output().count("single-instance mode until the cache answers") >= 2


def _longest_silence(outside: Outside) -> float:
    """Seconds between one end of a job and the next, the longest of them."""
    rows = outside.fetch("SELECT completedat FROM queue_jobs WHERE statusid = 3 ORDER BY completedat")
    times: list[datetime] = [row[0] for row in rows]
    return max((later - earlier).total_seconds() for earlier, later in itertools.pairwise(times))

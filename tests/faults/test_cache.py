"""Fault 5: the cache is killed, emptied, frozen and restarted under load. It costs time at most, and at most one time
limit; every effect is there once, as the database alone decides who owns a job."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.campaign import Campaign
from tests.faults.controls import Control
from tests.faults.crowd import Cache, Lag, Load, crowd, longest_silences
from tests.faults.engine import Work
from tests.faults.handlers import EFFECTFUL, EMPTY, UNHURRIED
from tests.faults.outside import Outside
from tests.faults.points import LOCKLESS, Point
from tests.faults.scale import wanted_jobs
from tests.servers import RedisService

LIMIT = 1.5
# What a hub does besides, less than a second time limit; that processes wait for the processor, too, is measured.
SLACK = 1.2
KINDS = (UNHURRIED, EFFECTFUL, UNHURRIED, EMPTY)
EFFECTFUL_POINTS = (Point.MID_HANDLER, Point.BEFORE_LAST_UPDATE)
WORK = Work(workers=4, lease=8.0, cache_timeout=LIMIT)


@pytest.fixture
def outside(database: str, request: pytest.FixtureRequest) -> Iterator[Outside]:
    url: str = request.getfixturevalue("postgres_url" if database == "postgresql" else "mariadb_url")
    with Outside.of(url) as found:
        found.prepare()
        yield found


@pytest.fixture
def cache(kind: str, request: pytest.FixtureRequest) -> Cache:
    server: Cache = request.getfixturevalue(f"own_{kind}")
    return server


def _crowds() -> Iterator[object]:
    """Each number of hubs on each cache and each database in the long form; in the short one each of them once."""
    short = {("postgresql", "redis", 3, 0), ("mariadb", "memcached", 2, 1)}
    for database in ("postgresql", "mariadb"):
        for kind in ("redis", "memcached"):
            for shared, alone in ((2, 0), (2, 1), (3, 0)):
                if wanted_jobs(0) or (database, kind, shared, alone) in short:
                    marks = [pytest.mark.mariadb] if database == "mariadb" else []
                    name = f"{database}-{kind}-{shared} with it, {alone} without"
                    yield pytest.param(database, kind, shared, alone, marks=marks, id=name)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("database", "kind", "shared", "alone"), list(_crowds()))
def test_the_cache_is_hurt_under_load(
    outside: Outside, cache: Cache, shared: int, alone: int, folder: Path, seed: int
) -> None:
    campaign = Campaign(outside, folder, seed=seed, work=WORK, kinds=KINDS)
    load = Load(campaign, wanted_jobs(1500))
    with Lag() as lag, crowd(campaign, folder, cache, shared=shared, alone=alone) as hubs:
        hubs.suffer(cache, load)
        load.finish()
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)
    jobs = load.inserted
    assert (tally.verdict.accepted, tally.verdict.effects, tally.verdict.failed) == (jobs, jobs, 0)
    # Nobody has paid for it with an attempt, and no hub has stood still for longer than a time limit.
    assert outside.count("retrycount > 0 OR crashcount > 0") == 0
    silences = longest_silences(outside, load.ended)
    _tell(f"{jobs} jobs, {tally.verdict}; longest wait {max(silences.values()):.3f} s, lag {lag.longest:.3f} s")
    assert len(silences) == shared + alone, silences
    assert max(silences.values()) < LIMIT + SLACK + lag.longest, silences


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("database", ["postgresql", pytest.param("mariadb", marks=pytest.mark.mariadb)])
@pytest.mark.parametrize("hubs", [2, 3] if wanted_jobs(0) else [3])
def test_hubs_without_a_cache_share_the_jobs(outside: Outside, hubs: int, folder: Path, seed: int) -> None:
    jobs = wanted_jobs(1200)
    campaign = Campaign(outside, folder, seed=seed, work=WORK, kinds=KINDS)
    load = Load(campaign, jobs)
    with Lag() as lag, crowd(campaign, folder, None, shared=0, alone=hubs):
        load.goes_on()
        load.finish()
    tally = campaign.settle()
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.accepted, tally.verdict.effects, tally.verdict.failed) == (jobs, jobs, 0)
    silences = longest_silences(outside, load.ended)
    _tell(f"{jobs} jobs, {tally.verdict}; longest wait {max(silences.values()):.3f} s, lag {lag.longest:.3f} s")
    assert len(silences) == hubs, silences
    assert outside.count("retrycount > 0 OR crashcount > 0") == 0


@pytest.mark.parametrize("control", [(), (Control.NO_FENCE,)], ids=["sound", "no-fence"])
@pytest.mark.parametrize(
    "outside_server",
    ["postgresql", pytest.param("mariadb", marks=[pytest.mark.mariadb, pytest.mark.slow])],
    indirect=True,
)
def test_locks_do_not_stand_in_for_the_fence(
    outside_server: Outside, own_redis: RedisService, folder: Path, seed: int, control: tuple[Control, ...]
) -> None:
    """Workers are frozen past their leases, and so past their locks. Without the fence effects are doubled, locks or
    not: so it is not the locks that keep them single."""
    work = Work(cache=own_redis.url, cache_timeout=LIMIT)
    campaign = Campaign(outside_server, folder, seed=seed, work=work, control=control)
    # At two of the points in the short form: without a cache all of them are tried, in test_zombie.py. A control is
    # frozen where a job with an effect is in its hands for certain.
    points = EFFECTFUL_POINTS if control else LOCKLESS
    zombies = len(LOCKLESS) if wanted_jobs(0) else 2
    tally = campaign.beside_a_zombie(60 * zombies, zombies=zombies, points=points)
    assert tally.landed.total() == zombies, str(tally)
    if control:
        assert tally.verdict.duplicates, str(tally)
    else:
        assert tally.verdict.clean, str(tally)
        assert tally.verdict.accepted == tally.verdict.effects >= 60 * zombies, str(tally)


def _tell(what: str) -> None:
    sys.stdout.write(f"{what}\n")

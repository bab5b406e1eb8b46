"""A prepared database of each kind, and how large a run is wanted.

HUB_FAULT_JOBS sets the number of jobs of the runs that are made of many faults (20000 for the long form),
HUB_FAULT_SECONDS how long the random mix goes on, HUB_FAULT_SEED what they draw from.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.outside import Outside
from tests.faults.scene import Scene
from tests.servers import Proxy

_HANGING = 600
"""Seconds after which a test here is taken for one that hangs: its processes start as fast as the machine lets them."""
_URLS = {"sqlite": "sqlite_url", "postgresql": "postgres_url", "mariadb": "mariadb_url"}


@pytest.fixture(params=["sqlite", "postgresql"])
def outside(request: pytest.FixtureRequest) -> Iterator[Outside]:
    """A fresh database of each kind, with the hub's schema and the table of effects."""
    with Outside.of(request.getfixturevalue(_URLS[request.param])) as found:
        found.prepare()
        yield found


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def outside_each(request: pytest.FixtureRequest) -> Iterator[Outside]:
    """The same on MariaDB too."""
    with Outside.of(request.getfixturevalue(_URLS[request.param])) as found:
        found.prepare()
        yield found


@pytest.fixture(params=["postgresql", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def outside_server(request: pytest.FixtureRequest) -> Iterator[Outside]:
    """The same on each database that takes more than one process."""
    with Outside.of(request.getfixturevalue(_URLS[request.param])) as found:
        found.prepare()
        yield found


@pytest.fixture
def outside_postgres(postgres_url: str) -> Iterator[Outside]:
    """The same on PostgreSQL alone."""
    with Outside.of(postgres_url) as found:
        found.prepare()
        yield found


@pytest.fixture
def outside_sqlite(sqlite_url: str) -> Iterator[Outside]:
    with Outside.of(sqlite_url) as found:
        found.prepare()
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """For journals, logs and the ledger."""
    made = tmp_path / "faults"
    made.mkdir()
    return made


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("HUB_FAULT_SEED", random.SystemRandom().randrange(10**6)))


@pytest.fixture
def scene(outside_postgres: Outside, postgres_proxy: Proxy, folder: Path) -> Scene:
    """An engine in the test's own process, behind a proxy."""
    return Scene(outside_postgres, postgres_proxy, folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_HANGING))

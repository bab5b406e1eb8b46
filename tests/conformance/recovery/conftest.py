"""Runs of tasks on each database."""

from functools import partial

import pytest

from tests.conformance.recovery.rig import RigMaker, running


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database of each kind."""
    url: str = request.getfixturevalue({"postgresql": "postgres_url"}.get(request.param, f"{request.param}_url"))
    return url


@pytest.fixture
def rig(database_url: str) -> RigMaker:
    """`async with rig(handlers=[…]) as r`: a hub at work."""
    return partial(running, database_url)

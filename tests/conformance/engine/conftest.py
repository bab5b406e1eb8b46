"""The engine on each database."""

from functools import partial

import pytest

from hub.queue import grouping, lane, shared
from tests.conformance.engine.rig import RigMaker, running
from tests.conformance.engine.together import Commits


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database of each kind."""
    url: str = request.getfixturevalue({"postgresql": "postgres_url"}.get(request.param, f"{request.param}_url"))
    return url


@pytest.fixture
def rig(database_url: str) -> RigMaker:
    """`async with rig(handler, …, workers=, queues=, lease=…) as r`: the engine at work."""
    return partial(running, database_url)


@pytest.fixture
def few_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a handful of jobs makes a group, where each would otherwise be begun at once by a runner that is free, or
    be too late for the group where the machine is busy."""
    monkeypatch.setattr(lane, "GROUPS", 1)
    monkeypatch.setattr(grouping, "HOLD", 10.0)
    monkeypatch.setattr(shared, "HOLD", 10.0)


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Commits:
    return Commits(monkeypatch)

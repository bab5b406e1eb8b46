"""A serving hub on each database, and one on SQLite for what no database has a part in."""

from functools import partial

import pytest

from tests.integration.http.rig import Serve, serving


@pytest.fixture(params=["sqlite", "postgresql"])
def serve(request: pytest.FixtureRequest) -> Serve:
    """`async with serve(routes=…) as hub`, once on each database."""
    return partial(serving, request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
def serve_one(sqlite_url: str) -> Serve:
    """The same on SQLite alone."""
    return partial(serving, sqlite_url)

"""The store on each database, migrated once and copied for each test."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hub.db.migrator import migrate
from tests.conformance.store.rig import Rig, rig_on
from tests.servers import PostgresDatabases

DIALECTS = ["sqlite", "postgresql", "mariadb"]


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresDatabases) -> Iterator[str]:
    name = postgres.unique_name()
    asyncio.run(migrate(postgres.create_database(name)))
    yield name
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "template.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """The URL of a migrated SQLite file."""
    shutil.copy(sqlite_template, tmp_path / "hub.db")
    return f"sqlite:///{tmp_path / 'hub.db'}"


@pytest.fixture
def mariadb_url(mariadb_url: str) -> str:
    """The URL of a migrated MariaDB database."""
    asyncio.run(migrate(mariadb_url))
    return mariadb_url


@pytest.fixture(params=DIALECTS)
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database of each kind."""
    url: str = request.getfixturevalue({"postgresql": "postgres_url"}.get(request.param, f"{request.param}_url"))
    return url


@pytest.fixture
async def rig(database_url: str) -> AsyncIterator[Rig]:
    """A started database with the stores of two workers; on SQLite the second is the process that comes after."""
    async with rig_on(database_url) as rig:
        yield rig


@pytest.fixture
async def postgres_rig(postgres_url: str) -> AsyncIterator[Rig]:
    """For what only a database with several writers can show."""
    async with rig_on(postgres_url) as rig:
        yield rig


@pytest.fixture(params=["postgresql", "mariadb"])
def server_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database of each kind that has several writers."""
    url: str = request.getfixturevalue({"postgresql": "postgres_url"}.get(request.param, f"{request.param}_url"))
    return url


@pytest.fixture
async def server_rig(server_url: str) -> AsyncIterator[Rig]:
    """For what any database with several writers must show."""
    async with rig_on(server_url) as rig:
        yield rig


@pytest.fixture
async def sqlite_rig(sqlite_url: str) -> AsyncIterator[Rig]:
    """For what follows from one process having the file."""
    async with rig_on(sqlite_url) as rig:
        yield rig

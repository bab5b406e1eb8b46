"""A SQLite database with a table to play with."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.db.settings import DatabaseSettings
from hub.db.sqlite import SqliteDatabase
from hub.db.url import parse
from tests.unit.db.notes import Notes, Open


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "hub.db"


@pytest.fixture
async def opened(file: Path) -> AsyncIterator[Open]:
    """Opens further databases on the same file; they are stopped at the end."""
    made: list[SqliteDatabase] = []

    def make(path: Path = file, **settings: float | bool) -> SqliteDatabase:
        made.append(SqliteDatabase(parse(f"sqlite:///{path}"), DatabaseSettings(**settings)))  # type: ignore[arg-type]  # by name
        return made[-1]

    yield make
    for database in made:
        await database.stop()


@pytest.fixture
async def database(opened: Open) -> SqliteDatabase:
    made = opened()
    await made.start()
    await made.run(Notes.CREATE)
    return made


@pytest.fixture
def notes(database: SqliteDatabase) -> Notes:
    return Notes(database)

"""What most commands begin with: the configuration, and the database it names, opened beside a hub that may be running.

Invariant: a command takes no lock that a running hub holds, changes no schema, and makes no database that is not there.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hub.config import Configuration, load
from hub.db import migrator
from hub.db.engine import open_database
from hub.db.settings import DatabaseSettings
from hub.handlers.registry import Registry
from hub.ports import Database
from hub.queue.claims import StoreSettings
from hub.queue.records import Records
from hub.queue.store import Store

SETTINGS = DatabaseSettings(exclusive=False, application_name="hub cli")
"""Beside a running hub, and told apart from it in the server's list of connections."""


@dataclass(frozen=True)
class Session:
    """An open database, and the ways to ask and change it."""

    configuration: Configuration
    database: Database
    store: Store
    records: Records


def configured(file: Path | None) -> Configuration:
    """The configuration in `file`, or the one that is used when none is named. Raises ConfigurationError."""
    return load(file, os.environ)


@asynccontextmanager
async def opened(file: Path | None) -> AsyncIterator[Session]:
    """A session on the configuration's database. Raises MigrationError when its schema is not up to date."""
    configuration = configured(file)
    url = configuration.database.url.get_secret_value()
    await migrator.require_current(url)
    database = open_database(url, SETTINGS)
    await database.start()
    try:
        store = Store(database, StoreSettings(owner=actor()), Registry())
        records = Records(database, store, dedupe_retention=configuration.jobs.dedupe_retention)
        yield Session(configuration, database, store, records)
    finally:
        await database.stop()


@cache
def actor() -> str:
    """Who did it, for the rows' audit columns."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return f"cli:{os.getuid()}"

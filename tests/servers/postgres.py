"""PostgreSQL, started by the tests or given to them, and a database of its own for each test.

Invariant: two tests never share a database. Commits are as durable as in production (fsync is on).
"""

import asyncio
import itertools
import os
import shutil
import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.servers.service import Service, Unavailable, first_program

INSTALL = "PostgreSQL is not installed (Debian: apt-get install postgresql; macOS: brew install postgresql@17)"


class PostgresDatabases(ABC):
    """A PostgreSQL server on which databases can be made. The methods block; each opens a connection of its own."""

    _numbers = itertools.count(1)

    @property
    @abstractmethod
    def admin_url(self) -> str:
        """The URL of a database from which others can be created."""

    def url(self, database: str) -> str:
        """The URL of one database of this server."""
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{database}"))

    def unique_name(self) -> str:
        """A database name that no other test run on the same server uses."""
        return f"hub_test_{os.getpid()}_{next(self._numbers)}"

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Create a database, as a copy of `template` (to which nobody may be connected), and return its URL."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, and the connections to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, sql: str, *, database: str | None = None) -> None:
        """Run statements, separated by semicolons, outside a transaction."""
        _run(self._url_of(database), sql)

    def fetch(self, sql: str, *arguments: Any, database: str | None = None) -> list[asyncpg.Record]:
        """The rows of one statement with `$1` parameters."""
        return _run(self._url_of(database), sql, *arguments, rows=True)

    def _url_of(self, database: str | None) -> str:
        return self.admin_url if database is None else self.url(database)


class ExternalPostgres(PostgresDatabases):
    """A server that was there before the tests and stays after them. Its user must be allowed to create databases."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url

    @property
    def admin_url(self) -> str:
        return self._admin_url


class PostgresService(Service, PostgresDatabases):
    """A server of the tests' own, the newest version that is installed. `settings` go over the ones it starts with."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": SIGTERM would wait for the clients to leave
    death_signal = "INT"
    accounts = ("postgres", "nobody")

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._programs = _programs()
        self._settings = {
            "fsync": "on",
            "synchronous_commit": "on",
            "max_connections": "200",
            "shared_buffers": "64MB",
            # Every statement's time-out and kill in the log; not every statement.
            "log_min_messages": "warning",
            **(settings or {}),
        }

    @property
    def admin_url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def prepare(self, folder: Path) -> None:
        initdb = [str(self._programs / "initdb"), "-D", f"{folder}/data", "-U", "postgres", "-A", "trust"]
        self.run_tool([*initdb, "-E", "UTF8", "--no-locale", "--no-sync"])

    def command(self, folder: Path) -> Sequence[str]:
        server = [str(self._programs / "postgres"), "-D", f"{folder}/data", "-p", str(self.port)]
        address = ["-h", "127.0.0.1", "-k", str(folder)]
        return [*server, *address, *(word for item in self._settings.items() for word in ("-c", "=".join(item)))]

    def ready(self) -> bool:
        try:
            return bool(self.fetch("SELECT 1"))
        except (asyncpg.PostgresError, asyncpg.InterfaceError):
            return False  # "the database system is starting up", or it went away in the middle of the answer


def _programs() -> Path:
    """The folder of PostgreSQL's server programs. Raises Unavailable when there is none."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    homebrew = [path for root in ("/opt/homebrew", "/usr/local") for path in Path(root).glob("opt/postgresql@*/bin")]
    initdb = first_program("initdb", [*debian, *sorted(homebrew, reverse=True)])
    if initdb is None or shutil.which("postgres", path=str(initdb.parent)) is None:
        raise Unavailable(INSTALL)
    return initdb.parent


def _run(url: str, sql: str, *arguments: Any, rows: bool = False) -> list[asyncpg.Record]:
    """Run a statement in a thread with a loop of its own: the caller may be inside one."""

    async def work() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(url, timeout=10, statement_cache_size=0)
        try:
            if rows:
                found: list[asyncpg.Record] = await connection.fetch(sql, *arguments)
                return found
            await connection.execute(sql)
            return []
        finally:
            await connection.close(timeout=10)

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work()).result()

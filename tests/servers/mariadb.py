"""MariaDB (or MySQL, if given), started by the tests or given to them, and a database of its own for each test.

Invariant: two tests never share a database. Commits are as durable as in production.
"""

import asyncio
import itertools
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncmy
from asyncmy.errors import MySQLError

from tests.servers.service import Service, Unavailable, first_program

INSTALL = "MariaDB is not installed (Debian: apt-get install mariadb-server; macOS: brew install mariadb)"
_FOLDERS = ("/usr/sbin", "/usr/bin", "/usr/libexec", "/opt/homebrew/opt/mariadb/bin", "/usr/local/opt/mariadb/bin")


class MariadbDatabases(ABC):
    """A server on which databases can be made. The methods block; each opens a connection of its own."""

    _numbers = itertools.count(1)

    @property
    @abstractmethod
    def admin_url(self) -> str:
        """The URL of the server, with a user that may create databases."""

    def url(self, database: str) -> str:
        """The URL of one database of this server."""
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{database}"))

    def unique_name(self) -> str:
        """A database name that no other test run on the same server uses."""
        return f"hub_test_{os.getpid()}_{next(self._numbers)}"

    def create_database(self, name: str) -> str:
        """Create an empty database and return its URL. Its own character set is one that holds little: what the hub
        keeps must not hang on it."""
        self.execute(f"CREATE DATABASE `{name}` CHARACTER SET latin1")
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists; whoever is connected to it is cut off first."""
        for row in self.fetch("SELECT id FROM information_schema.processlist WHERE db = %s", name):
            self._try(f"KILL {row[0]}")
        self.execute(f"DROP DATABASE IF EXISTS `{name}`")

    def execute(self, *statements: str, database: str | None = None) -> None:
        """Run statements, each in a transaction of its own."""
        _run(self._url_of(database), statements)

    def fetch(self, sql: str, *arguments: Any, database: str | None = None) -> list[tuple[Any, ...]]:
        """The rows of one statement with `%s` parameters."""
        return _run(self._url_of(database), (sql,), arguments)

    def _url_of(self, database: str | None) -> str:
        return self.admin_url if database is None else self.url(database)

    def _try(self, sql: str) -> None:
        try:
            self.execute(sql)
        except MySQLError:
            pass  # it has left by itself


class ExternalMariadb(MariadbDatabases):
    """A server that was there before the tests and stays after them. Its user must be allowed to create databases."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url

    @property
    def admin_url(self) -> str:
        return self._admin_url


class MariadbService(Service, MariadbDatabases):
    """A server of the tests' own. `settings` go over the ones it starts with."""

    name = "mariadb"
    stop_signal = signal.SIGTERM
    accounts = ("mysql", "nobody")

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._server, self._installer = _program("mariadbd"), _program("mariadb-install-db")
        self._settings = {
            "innodb-buffer-pool-size": "64M",
            "innodb-log-file-size": "32M",
            "innodb-flush-log-at-trx-commit": "1",
            "max-connections": "200",
            "performance-schema": "OFF",
            **(settings or {}),
        }

    @property
    def admin_url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/mysql"

    def prepare(self, folder: Path) -> None:
        how = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        self.run_tool([str(self._installer), "--no-defaults", f"--datadir={folder}/data", f"--tmpdir={folder}", *how])

    def command(self, folder: Path) -> Sequence[str]:
        server = [str(self._server), "--no-defaults", f"--datadir={folder}/data", f"--tmpdir={folder}"]
        address = [
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--socket={folder}/socket",
            "--skip-name-resolve",
        ]
        return [*server, *address, *(f"--{name}={value}" for name, value in self._settings.items())]

    def ready(self) -> bool:
        try:
            return bool(self.fetch("SELECT 1"))
        except MySQLError:
            return False  # not yet listening, or it went away in the middle of the answer


def _program(name: str) -> Path:
    found = first_program(name, _FOLDERS)
    if found is None:
        raise Unavailable(INSTALL)
    return found


def _run(url: str, statements: Sequence[str], arguments: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run statements in a thread with a loop of its own: the caller may be inside one. The rows of the last."""
    split = urlsplit(url)

    async def work() -> list[tuple[Any, ...]]:
        connection = await asyncmy.connect(
            host=split.hostname or "127.0.0.1",
            port=split.port or 3306,
            user=unquote(split.username or "root"),
            password=unquote(split.password or ""),
            database=split.path.removeprefix("/") or None,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=10,
        )
        try:
            cursor = connection.cursor()
            for statement in statements:
                await cursor.execute(statement, tuple(arguments) or None)
            return list(await cursor.fetchall()) if cursor.description else []
        finally:
            await connection.ensure_closed()

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work()).result()

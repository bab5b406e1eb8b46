"""The database as a stranger sees it: plain SQL on a connection of its own, on each kind of database alike.

Invariant: none of the hub's code is used to look, so that a mistake of the hub cannot hide itself.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import asyncmy
import asyncmy.errors
import asyncpg

from hub.db.migrator import migrate
from tests.faults.ledger import Ledger
from tests.faults.oracle import EffectRow, Facts, HistoryRow, JobRow
from tests.faults.waiting import PAUSE

_EFFECTS = """CREATE TABLE IF NOT EXISTS effects
    (msg_id text NOT NULL, jobid text NOT NULL, attempt bigint NOT NULL, fence bigint NOT NULL)"""
# The server is down, or coming back.
_AWAY = (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError)
_MARIADB_AWAY = (OSError, asyncmy.errors.OperationalError, asyncmy.errors.InterfaceError)
_EXPIRED = "lease expired (worker "


class Outside(ABC):
    """Looks into one database. The methods block; they may be called from one thread at a time."""

    def __init__(self, url: str) -> None:
        self.url = url

    @staticmethod
    def of(url: str) -> Outside:
        kind = url.partition(":")[0]
        return {"sqlite": OutsideSqlite, "postgresql": OutsidePostgres}.get(kind, OutsideMariadb)(url)

    @property
    @abstractmethod
    def dialect(self) -> str: ...

    @abstractmethod
    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of one statement; its changes, if any, are committed."""

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def overdue(self, seconds: float) -> list[str]:
        """The ids of jobs that are Processing though their lease expired more than so many seconds ago."""

    @abstractmethod
    def connections(self) -> int:
        """Connections of workers."""

    def cut_off(self, chosen: Callable[[], bool]) -> int:
        """End those connections of workers for which `chosen` says so; how many that were. A file has none."""
        return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def prepare(self) -> None:
        """The hub's schema and the handlers' own table."""
        with ThreadPoolExecutor(max_workers=1) as thread:  # the caller may be inside a loop
            thread.submit(asyncio.run, migrate(self.url)).result()
        self.fetch(_EFFECTS)

    def count(self, condition: str) -> int:
        """How many rows of queue_jobs there are of which this is true."""
        number: int = self.fetch(f"SELECT count(*) FROM queue_jobs WHERE {condition}")[0][0]
        return number

    def unsettled(self) -> int:
        return self.count("statusid NOT IN (3, 4, 6)")

    def settled(self, timeout: float) -> None:
        """Wait until every job has ended. Raises TimeoutError once none has for `timeout` seconds."""
        fewest, since = self.unsettled(), time.monotonic()
        while fewest:
            time.sleep(PAUSE)
            left = self.unsettled()
            if left < fewest:
                fewest, since = left, time.monotonic()
            elif time.monotonic() > since + timeout:
                raise TimeoutError(f"after {timeout:g} s: {left} jobs have not ended")

    def rescued_from(self, owner: str) -> int:
        """How many attempts were taken from this worker because its lease had expired."""
        found: int = self.fetch(f"SELECT count(*) FROM job_histories WHERE result = '{_EXPIRED}{owner})'")[0][0]
        return found

    def recovered_at(self, owner: str) -> float | None:
        """When the last of the jobs that were taken from this worker ended (seconds since 1970); None if it had none
        or one has not ended."""
        rows = self.fetch(
            "SELECT max(j.completedat), count(*), count(j.completedat) FROM queue_jobs j WHERE j.id IN"
            f" (SELECT jobid FROM job_histories WHERE result = '{_EXPIRED}{owner})')"
        )
        last, all_of_them, ended = rows[0]
        if not all_of_them or ended < all_of_them:
            return None
        when = datetime.fromisoformat(last) if isinstance(last, str) else last
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()  # MariaDB says UTC without saying so

    def facts(self, ledger: Ledger, *, rescue_interval: float) -> Facts:
        """What the oracle judges; once every worker is gone."""
        jobs = self.fetch(
            "SELECT id, payload, handler, statusid, failure, retrycount, crashcount, attemptbase, fence, parentjobid"
            " FROM queue_jobs"
        )
        return Facts(
            accepted=frozenset(ledger.read()),
            jobs=[JobRow(row[0], _message(row), *row[2:]) for row in jobs],
            histories=[
                HistoryRow(*row) for row in self.fetch("SELECT jobid, statusid, retryattempt FROM job_histories")
            ],
            effects=[EffectRow(*row) for row in self.fetch("SELECT msg_id, jobid, attempt, fence FROM effects")],
            overdue=self.overdue(2 * rescue_interval),
            connections=self.connections(),
        )


class OutsidePostgres(Outside):
    """One connection, made again when it was lost: it looks, and may look twice."""

    dialect = "postgresql"

    def __init__(self, url: str) -> None:
        super().__init__(url)
        # A loop in a thread of its own: the caller may be inside one.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outside")
        self._runner = self._thread.submit(asyncio.Runner).result()
        self._connection: asyncpg.Connection[Any] | None = None

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        return self._thread.submit(lambda: self._runner.run(self._fetch(sql))).result()

    def close(self) -> None:
        if self._connection is not None:
            self._thread.submit(self._connection.terminate).result()
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()

    def overdue(self, seconds: float) -> list[str]:
        return [
            row[0]
            for row in self.fetch(
                "SELECT id FROM queue_jobs WHERE statusid = 2"
                f" AND leaseuntil < clock_timestamp() - make_interval(secs => {seconds})"
            )
        ]

    def connections(self) -> int:
        number: int = self.fetch(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'hub'"
        )[0][0]
        return number

    def cut_off(self, chosen: Callable[[], bool]) -> int:
        rows = self.fetch(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'hub'"
        )
        ended = [self.fetch(f"SELECT pg_terminate_backend({pid})") for (pid,) in rows if chosen()]
        return len(ended)

    async def _fetch(self, sql: str) -> list[tuple[Any, ...]]:
        async with asyncio.timeout(60):
            while True:
                try:
                    if self._connection is None or self._connection.is_closed():
                        self._connection = await asyncpg.connect(self.url, timeout=10, statement_cache_size=0)
                    return [tuple(row) for row in await self._connection.fetch(sql)]
                except _AWAY:
                    await asyncio.sleep(PAUSE)


class OutsideMariadb(Outside):
    """A connection for each look, in a thread's own loop."""

    dialect = "mysql"

    def __init__(self, url: str) -> None:
        super().__init__(url)
        parts = urlsplit(url)
        self._arguments = {
            "host": parts.hostname,
            "port": parts.port or 3306,
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "db": parts.path.lstrip("/"),
            "charset": "utf8mb4",
            "autocommit": True,
            "connect_timeout": 10,
        }
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outside")
        # A look that is over may still be listed in the next one.
        self._own: set[int] = set()

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        return self._thread.submit(lambda: asyncio.run(self._fetch(sql))).result()

    def close(self) -> None:
        self._thread.shutdown()

    def overdue(self, seconds: float) -> list[str]:
        late = f"UTC_TIMESTAMP(6) - INTERVAL {int(seconds * 1_000_000)} MICROSECOND"
        return [row[0] for row in self.fetch(f"SELECT id FROM queue_jobs WHERE statusid = 2 AND leaseuntil < {late}")]

    def connections(self) -> int:
        return len(self._others())

    def cut_off(self, chosen: Callable[[], bool]) -> int:
        ended = 0
        for thread in sorted(self._others()):
            if chosen():
                try:
                    self._thread.submit(asyncio.run, self._fetch_once(f"KILL {thread}")).result()
                    ended += 1
                except _MARIADB_AWAY:
                    continue  # it has ended this moment
        return ended

    def _others(self) -> set[int]:
        rows = self.fetch("SELECT id FROM information_schema.processlist WHERE db = DATABASE()")
        return {row[0] for row in rows} - self._own

    async def _fetch(self, sql: str) -> list[tuple[Any, ...]]:
        async with asyncio.timeout(60):
            while True:
                try:
                    return await self._fetch_once(sql)
                except _MARIADB_AWAY:
                    await asyncio.sleep(PAUSE)

    async def _fetch_once(self, sql: str) -> list[tuple[Any, ...]]:
        connection = await asyncmy.connect(**self._arguments)
        self._own.add(connection.thread_id())
        try:
            cursor = connection.cursor()
            await cursor.execute(sql)
            return list(await cursor.fetchall()) if cursor.description else []
        finally:
            await connection.ensure_closed()


class OutsideSqlite(Outside):
    """A connection for each look: it must not keep the file from being checkpointed."""

    dialect = "sqlite"

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.url.removeprefix("sqlite:///"), timeout=20, isolation_level=None)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def close(self) -> None:
        # Nothing is kept open.
        pass

    def overdue(self, seconds: float) -> list[str]:
        limit = f"strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-{seconds} seconds')"
        return [row[0] for row in self.fetch(f"SELECT id FROM queue_jobs WHERE statusid = 2 AND leaseuntil < {limit}")]

    def connections(self) -> int:
        # They end with their process.
        return 0


def _message(row: Sequence[Any]) -> str:
    """The message's own id, from the payload; a row that is no message goes by its own."""
    payload = json.loads(row[1]) if row[1] else None
    return str(payload["id"]) if isinstance(payload, dict) and "id" in payload else str(row[0])

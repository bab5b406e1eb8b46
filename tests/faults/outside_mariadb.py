"""MariaDB as a stranger sees it."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql

from tests.faults.outside import Outside
from tests.faults.waiting import PAUSE

_PATIENCE = 60.0


class OutsideMariadb(Outside):
    """A connection for each look, tried again while the server is away."""

    dialect = "mysql"

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return self._fetch(sql)
            except (pymysql.err.OperationalError, pymysql.err.InterfaceError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(PAUSE)

    def close(self) -> None:
        # Nothing is kept open.
        pass

    def overdue(self, seconds: float) -> list[str]:
        late = f"leaseuntil < UTC_TIMESTAMP(6) - INTERVAL {round(seconds * 1e6)} MICROSECOND"
        return [row[0] for row in self.fetch(f"SELECT id FROM queue_jobs WHERE statusid = 2 AND {late}")]

    def connections(self) -> int:
        number: int = self.fetch(
            "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
        )[0][0]
        return number

    def _fetch(self, sql: str) -> list[tuple[Any, ...]]:
        split = urlsplit(self.url)
        with (
            pymysql.connect(
                host=split.hostname or "127.0.0.1",
                port=split.port or 3306,
                user=unquote(split.username or "root"),
                password=unquote(split.password or ""),
                database=split.path.removeprefix("/"),
                charset="utf8mb4",
                autocommit=True,
                connect_timeout=10,
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)
            return list(cursor.fetchall())

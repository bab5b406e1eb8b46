"""See hub.db.probe, on SQLite.

Invariant: the connection can read only, by a pragma and by an authorizer that knows nothing but reading, and it is
closed afterwards. The statement looks every few thousand steps whether its time is up or nobody asks any more, so that
no thread outlives the question.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from typing import Any

from hub.db.probe import ProbeFailed, question
from hub.db.sqlite.connect import file_of, open_reader
from hub.db.sqlite.faults import translate
from hub.db.url import Address
from hub.errors import DatabaseUnavailable, Rejected

_READING = frozenset((sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE))
_STEPS = 10_000
# What a string function may make of a few bytes would otherwise be memory without end.
_LONGEST_VALUE = 10_000_000
# SQLite has one code for all that it cannot compile.
_UNPARSABLE = ("syntax error", "incomplete input", "unrecognized token")


class SqliteProbe:
    """See hub.db.probe.Probe."""

    def __init__(self, address: Address, limit: float) -> None:
        self._path = file_of(address)
        self._limit = limit

    async def ask(self, sql: str) -> Any:
        given_up = threading.Event()
        try:
            return await asyncio.to_thread(self._ask, question(sql), given_up)
        except asyncio.CancelledError:
            given_up.set()  # a thread cannot be cancelled, its statement can
            raise

    def _ask(self, sql: str, given_up: threading.Event) -> Any:
        try:
            connection = open_reader(self._path)
        except sqlite3.Error as error:
            raise DatabaseUnavailable(f"cannot open {self._path}: {error}") from error
        try:
            deadline = time.monotonic() + self._limit
            connection.set_progress_handler(lambda: given_up.is_set() or time.monotonic() > deadline, _STEPS)
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
            connection.set_authorizer(_authorize)
            row = connection.execute(sql).fetchone()
            return row[0] if row else None
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
            raise self._fault(error) from error
        finally:
            connection.close()

    def _fault(self, error: Exception) -> Exception:
        message = str(error)
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if "one statement at a time" in message:
            return Rejected(message, field="condition")
        if code == sqlite3.SQLITE_AUTH:
            return Rejected("it does more than read", field="condition")
        if code == sqlite3.SQLITE_ERROR and any(words in message for words in _UNPARSABLE):
            return Rejected(message, field="condition")
        if code == sqlite3.SQLITE_INTERRUPT:
            return ProbeFailed(f"no answer within {self._limit:g} s")
        away = (
            translate(error)
            if code not in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_NOMEM)
            else None
        )
        return away if isinstance(away, DatabaseUnavailable) else ProbeFailed(message)


def _authorize(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY

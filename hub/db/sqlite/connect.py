"""How a connection to the file is opened: the settings that make it durable and let readers and a writer coexist.

Invariant: a committed transaction is on the disk (WAL, synchronous=FULL) before anybody is told so, and a connection of
this project never begins a transaction by itself. Nothing is written to a file that no longer goes by its name.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from hub.db.url import Address
from hub.errors import DatabaseUnavailable

_C = TypeVar("_C", bound=sqlite3.Connection)

MINIMUM = (3, 38, 0)
"""The oldest SQLite: `->>` and json_each without an extension, beside RETURNING and partial indexes."""

_BUSY_SECONDS = 5.0
_JOURNAL_LIMIT = 64 * 1024 * 1024
# KiB of pages that the writer remembers, 2,000 unless told. Nobody else writes, as a rule, so that they stay true; a
# reader forgets all of its own at each commit. Of 100,000 schedules, 100 due a tick that lie apart: each cost 1.60 x of
# what it does among 100, and 1.47 x with this and the writer asked which are due (benchmarks/rows/schedules.py).
_WRITER_CACHE = 16 * 1024
_STATEMENTS = 512


class WritingConnection(sqlite3.Connection):
    """A connection that may write, and knows which files it has open."""

    files: Mapping[str, tuple[int, int]] = {}
    """The database and its log, by the names they had when it was opened: their device and inode."""

    def check_files(self) -> None:
        """Raises DatabaseUnavailable once a file was deleted, moved or replaced. SQLite would go on writing to the one
        it has open, which is gone with the last connection, and whoever opens the name finds another."""
        for name, identity in self.files.items():
            if _identity(name) != identity:
                raise DatabaseUnavailable(
                    f"{name} was deleted, moved or replaced while the hub has it open, and nothing more is written: "
                    "put it back; or stop the hub, and take the old -wal and -shm away before it starts on another file"
                )


def check_version(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Raises DatabaseUnavailable when the library that Python is linked with is too old."""
    if version < MINIMUM:
        needed, found = ".".join(map(str, MINIMUM)), ".".join(map(str, version))
        raise DatabaseUnavailable(
            f"SQLite {needed} or newer is needed, this Python is linked with {found}: use a newer Python, or PostgreSQL"
        )


def file_of(address: Address) -> Path:
    """The database's file; a relative one is below the working directory."""
    return Path(address.database).absolute()


def make_folder(path: Path) -> None:
    """Make the folder of the file if need be; raises DatabaseUnavailable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnavailable(f"cannot make the folder {path.parent}: {error.strerror}") from error


def open_writer(path: Path) -> WritingConnection:
    """A connection that may write, for the thread that calls."""
    connection = _open(path, WritingConnection)
    try:
        mode = _to_wal(connection)
        if mode != "wal":
            raise DatabaseUnavailable(
                f"{path} cannot be put into WAL mode (it stays {mode!r}): its file system lacks shared memory, as "
                "network file systems do; keep the file on a local disk"
            )
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA journal_size_limit = {_JOURNAL_LIMIT}")
        connection.execute(f"PRAGMA cache_size = -{_WRITER_CACHE}")
        names = (str(path), _log_of(path))
        connection.files = {name: found for name in names if (found := _identity(name)) is not None}
    except BaseException:
        connection.close()
        raise
    return connection


def log_size(path: Path) -> int:
    """Bytes of the log, from which a checkpoint takes into the file what no reader needs any more."""
    try:
        return os.stat(_log_of(path)).st_size
    except OSError:
        return 0


def _log_of(path: Path) -> str:
    return f"{os.path.realpath(path)}-wal"  # where SQLite has it when the path is a link


def _to_wal(connection: sqlite3.Connection) -> str:
    """The mode the file is in then. While another process turns it, or makes the schema of a file that is new, SQLite
    does not wait as it does elsewhere, but says at once that the file is locked."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            mode: str = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.02)
        else:
            return mode


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write; it sees what is committed and waits for nobody."""
    connection = _open(path, sqlite3.Connection)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _open(path: Path, kind: type[_C]) -> _C:
    return sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, cached_statements=_STATEMENTS, factory=kind
    )


def _identity(name: str) -> tuple[int, int] | None:
    try:
        found = os.stat(name)
    except OSError:
        return None
    return found.st_dev, found.st_ino

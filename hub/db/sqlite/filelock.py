"""One hub process a file: a lock of the operating system beside the database, which dies with its holder.

Invariant: it only keeps a second hub away. Programs that read or insert, this project's own commands among them, do not
ask for it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from hub.errors import DatabaseUnavailable


class FileLock:
    """A lock on `<database>.lock`, with the holder's process id in it."""

    def __init__(self, database: Path) -> None:
        self._database = database
        # Beside the file itself: SQLite follows links, and what goes by two names has one lock.
        self._path = Path(f"{os.path.realpath(database)}.lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Raises DatabaseUnavailable, which says who holds it."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise DatabaseUnavailable(f"cannot open {self._path}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            who = f"process {holder}" if holder else "another process"
            raise DatabaseUnavailable(
                f"{who} runs a hub on {self._database}: stop it first, or use PostgreSQL, which several hubs can share"
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Tolerates never-acquired and twice. The file stays: removing it would let two processes lock two files."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

"""What an error of SQLite means to the hub.

Invariant: every error that leaves this package is one of the tree in hub.errors, or a bug.
"""

from __future__ import annotations

import sqlite3

from hub.db.causes import causes
from hub.errors import AlreadyExists, DatabaseUnavailable, HubError, Rejected, TransactionConflict

# Another connection holds the lock (or the schema changed under a statement): the same again may succeed.
_CONFLICTS = frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_SCHEMA))
_AWAY = frozenset(
    (
        *(sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM),
        *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB),
        *(sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_INTERRUPT),
    )
)
_REMEDIES = {
    sqlite3.SQLITE_CORRUPT: "; the file is damaged, or lies beside the -wal of another: stop the hub and restore a "
    "backup, without the old -wal and -shm",
    sqlite3.SQLITE_NOTADB: "; it is damaged, or the file of another program",
    sqlite3.SQLITE_READONLY: "; may this user write the file, and its folder?",
    sqlite3.SQLITE_CANTOPEN: "; may this user read and write the file, and its folder?",
}
_TAKEN = frozenset(
    (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID)
)
_UNFIT = frozenset((sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE))


def translate(error: BaseException) -> HubError | None:
    """The hub's word for an error of sqlite3, or of SQLAlchemy around one; None for one that is not the database's.

    Its cause is to be kept (`raise … from`).
    """
    for current in causes(error):
        if isinstance(current, HubError):
            return current
        if isinstance(current, sqlite3.Error):
            return _from_sqlite(current)
        if isinstance(current, OverflowError | UnicodeEncodeError):  # a value that cannot be bound
            return Rejected(str(current))
    return None


def _from_sqlite(error: sqlite3.Error) -> HubError | None:
    # Errors that the module raises by itself carry no code.
    extended: int | None = getattr(error, "sqlite_errorcode", None)
    message = str(error)
    if extended is None:
        if isinstance(error, sqlite3.ProgrammingError) and "closed database" in message:
            return DatabaseUnavailable("the database is not open")
        unbound = (
            isinstance(error, sqlite3.InterfaceError | sqlite3.ProgrammingError) and "binding parameter" in message
        )
        return Rejected(message) if unbound or isinstance(error, sqlite3.DataError) else None
    code = extended & 0xFF
    if code in _CONFLICTS:
        return TransactionConflict(message)
    if extended in _TAKEN:
        return AlreadyExists(message)
    if code in _UNFIT:
        return Rejected(message)
    if code in _AWAY:
        return DatabaseUnavailable(f"SQLite: {message}{_REMEDIES.get(code, '')}")
    return Rejected(message) if message == "malformed JSON" else None

"""What an error of the server or of the connection means to the hub.

Invariant: every error that leaves this package is one of the tree in hub.errors, or a bug.
"""

from __future__ import annotations

import asyncio

import asyncpg

from hub.db.causes import causes
from hub.errors import AlreadyExists, ConnectionLost, DatabaseUnavailable, HubError, Rejected, TransactionConflict

# 40P01 deadlock, 40001 serialization failure, 55P03 lock timeout
_CONFLICTS = frozenset(("40P01", "40001", "55P03"))
# insufficient resources (disk, memory, connections), operator intervention, system errors; not what one statement asks
# too much of (temp_file_limit, say), nor a file it names that is not there, or there already
_AWAY = frozenset(("53", "57", "58"))
_OF_STATEMENTS = frozenset(("53400", "58P01", "58P02"))
# 25006: the server became a read-only standby; 25P03: it ended a transaction that idled
_AWAY_STATES = frozenset(("25006", "25P03"))
_CONNECTION = "08"
# 57P01: the administrator ended the connection; 57P02: another one's process has crashed, all are ended
_CUT = frozenset(("57P01", "57P02"))
QUERY_CANCELLED = "57014"
DIVISION_BY_ZERO = "22012"
DRIVER_ERRORS = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What asyncpg raises by itself. The second also where the server said good-bye to a connection that was idle, and the
next statement finds it in that state."""
UNKNOWN_PREPARED_STATEMENT = "26000"


def sqlstate(error: BaseException) -> str | None:
    """The server's code of an error of asyncpg, or of SQLAlchemy around one."""
    for candidate in causes(error):
        if isinstance(candidate, asyncpg.PostgresError):
            return str(candidate.sqlstate)
    return None


def translate(error: BaseException) -> HubError | None:
    """The hub's word for an error, None for one that is not of the database; to be raised `from` it."""
    state = sqlstate(error)
    if state is not None:
        return _from_state(state, str(error).splitlines()[0])
    for candidate in causes(error):
        if isinstance(candidate, (*DRIVER_ERRORS, ConnectionError, OSError, asyncio.TimeoutError, EOFError)):
            if isinstance(candidate, asyncpg.DataError):
                return Rejected(str(candidate))
            return ConnectionLost(f"no answer from PostgreSQL: {candidate or type(candidate).__name__}")
    return None


def _from_state(state: str, message: str) -> HubError | None:
    if state in _CONFLICTS:
        return TransactionConflict(message)
    if state == "23505":
        return AlreadyExists(message)
    if state == QUERY_CANCELLED or state in _OF_STATEMENTS:
        return None
    if state[:2] == _CONNECTION or state in _CUT:
        return ConnectionLost(message)
    if state[:2] in _AWAY or state in _AWAY_STATES:
        return DatabaseUnavailable(message)
    if state[:2] in ("22", "23"):
        return Rejected(message)
    return None

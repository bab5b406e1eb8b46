"""What an error of the server or of the connection means to the hub.

Invariant: every error that leaves this package is one of the tree in hub.errors, or a bug.
"""

from __future__ import annotations

import asyncio
import re

from asyncmy import errors

from hub.db.causes import causes
from hub.errors import AlreadyExists, ConnectionLost, DatabaseUnavailable, HubError, Rejected, TransactionConflict

# deadlock, lock wait timeout, row changed since the snapshot (MariaDB), NOWAIT failed; 1467: a deadlock, too, of which
# the victim waited for AUTO_INCREMENT
_CONFLICTS = frozenset((1213, 1205, 1020, 3572, 1467))
_TAKEN = frozenset((1062, 1586))
# Disk, memory and connections that ran out (3, 5, 20 and 28 the server hands on from its system); a server that is
# read-only. Not 1038: a sort too large for its buffer is too large each time.
_AWAY = frozenset((3, 5, 20, 28, 1021, 1037, 1041, 1114, 1135, 1040, 1042, 1043, 1129, 1203, 1226, 1792, 1836, 3159))
# A server that stops, or ended the connection.
_CUT = frozenset((1053, 1077, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 4031))
# An option of the server forbids the statement: --read-only, or --secure-file-priv, which will do so each time.
_FORBIDDEN = 1290
_READ_ONLY = re.compile("read[-_]only")
# Checks that failed and values that do not fit, where the state is but HY000; 1153: larger than max_allowed_packet.
_UNFIT = frozenset((1048, 1153, 1264, 1265, 1292, 1364, 1366, 1406, 3140, 3819, 4025, 4035, 4036, 4037, 4038))
# How enqueue.sql says that an id is taken, which its ON DUPLICATE KEY would otherwise hide.
_ID_TAKEN = "Column 'id' cannot be null"


def code_of(error: BaseException) -> int | None:
    """The server's or the driver's number of an error of asyncmy, or of SQLAlchemy around one."""
    found = _of_driver(error)
    return found.args[0] if found is not None and found.args and isinstance(found.args[0], int) else None


def ends_transaction(error: BaseException) -> bool:
    """Whether the server may have undone the whole transaction, so that the next statement would commit by itself."""
    return code_of(error) in _CONFLICTS


def translate(error: BaseException) -> HubError | None:
    """The hub's word for an error, None for one that is not of the database; to be raised `from` it."""
    found = _of_driver(error)
    if found is not None:
        return _from_driver(found)
    for candidate in causes(error):
        if isinstance(candidate, HubError):
            return candidate
        if isinstance(candidate, UnicodeEncodeError):
            return Rejected(f"text that is not Unicode cannot be stored: {candidate.reason}")
        if isinstance(candidate, ConnectionError | OSError | asyncio.TimeoutError | EOFError):
            return ConnectionLost(f"no answer from the database server: {str(candidate) or type(candidate).__name__}")
    return None


def _from_driver(error: errors.MySQLError) -> HubError | None:
    code = error.args[0] if error.args else None
    message = str(error.args[1] if len(error.args) > 1 else error)
    if not isinstance(code, int):
        code = 0
        if isinstance(error, errors.ProgrammingError | errors.NotSupportedError):  # of its caller
            return None
    if code == 0 or 2000 <= code < 3000:
        # Its own: not connected, cancelled, lost, packets out of order.
        return ConnectionLost(f"no answer from the database server: {message}")
    if code in _CONFLICTS:
        return TransactionConflict(message)
    if code in _TAKEN:
        return AlreadyExists(message)
    if code == 1048 and message == _ID_TAKEN:
        return AlreadyExists("a duplicate: one of the ids is taken")
    if code in _CUT:
        return ConnectionLost(message)
    if code in _AWAY or (code == _FORBIDDEN and _READ_ONLY.search(message)):
        return DatabaseUnavailable(message)
    state: str | None = getattr(error, "sqlstate", None)
    if code in _UNFIT or (state is not None and state[:2] in ("22", "23")):
        return Rejected(message)
    return None


def _of_driver(error: BaseException) -> errors.MySQLError | None:
    return next((each for each in causes(error) if isinstance(each, errors.MySQLError)), None)

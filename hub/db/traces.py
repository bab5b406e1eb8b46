"""What a handler's SQL leaves on the connection: settings, and what outlives its transaction.

Invariant: no job meets what another one left on its connection by `job.db`. Settings are put back before the hub's own
statements (PostgreSQL) or die with the connection, which is closed after a job that left more. What is done on the
driver's own connection nobody sees.
"""

from __future__ import annotations

import re
from enum import IntFlag
from functools import lru_cache

from hub.db.guard import head

_LASTING = frozenset(("DEALLOCATE", "DISCARD", "LISTEN", "LOAD", "PREPARE", "UNLISTEN"))
# They hold for the transaction, which ends anyway.
_OF_TRANSACTIONS = frozenset(("CONSTRAINTS", "TRANSACTION"))
_SETTING_CALL = re.compile(r"\bset_config\s*\(", re.IGNORECASE)
_LOCKING_CALL = re.compile(r"\b(?:pg_(?:try_)?advisory_lock(?:_shared)?|get_lock)\s*\(", re.IGNORECASE)
_TEMPORARY = re.compile(
    r"(?:\s+OR\s+REPLACE)?(?:\s+(?:GLOBAL|LOCAL))?\s+TEMP(?:ORARY)?\b(?!.*\bON\s+COMMIT\s+DROP\b)",
    re.IGNORECASE | re.DOTALL,
)
_REMEMBERED = 2000
"""Characters, as in hub.db.guard."""


class Trace(IntFlag):
    """SETTING: of session or transaction. LASTING: a temporary table, a lock, a prepared statement, a channel."""

    NONE = 0
    SETTING = 1
    LASTING = 2


def trace(sql: str) -> Trace:
    """What a text leaves."""
    return _remembered(sql) if len(sql) <= _REMEMBERED else _trace(sql)


def _trace(sql: str) -> Trace:
    (first, second, _), after_first = head(sql, nested=False)
    found = Trace.NONE
    if _sets(first, second, sql) or _SETTING_CALL.search(sql) is not None:
        found |= Trace.SETTING
    temporary = first == "CREATE" and _TEMPORARY.match(sql, after_first) is not None
    if temporary or first in _LASTING or _LOCKING_CALL.search(sql) is not None:
        found |= Trace.LASTING
    return found


def _sets(first: str, second: str, sql: str) -> bool:
    if first == "SET" and not second:  # MySQL's @variable, or @@setting
        return "@@" in sql
    return first == "RESET" or (first == "SET" and second not in _OF_TRANSACTIONS)


_remembered = lru_cache(maxsize=1024)(_trace)

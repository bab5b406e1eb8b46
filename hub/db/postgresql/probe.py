"""See hub.db.probe, on PostgreSQL.

Invariant: the extended protocol takes one statement only, the transaction is READ ONLY, the server ends the statement
at the limit, and the connection is closed afterwards, with whatever the statement may have locked or set in it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from hub.db.postgresql.connections import connect
from hub.db.postgresql.faults import sqlstate, translate
from hub.db.probe import ProbeFailed, question
from hub.db.settings import DatabaseSettings
from hub.db.url import Address
from hub.errors import DatabaseUnavailable, Rejected

# Time for the server to end the statement itself before the connection is cut.
_GRACE = 1.0
_SYNTAX_ERROR = "42601"
_READ_ONLY = "25006"
_CANCELLED = "57014"
# Connection exceptions, resources, the operator's intervention: not the question's fault.
_AWAY = ("08", "53", "57P")


class PostgresProbe:
    """See hub.db.probe.Probe."""

    def __init__(self, address: Address, settings: DatabaseSettings, limit: float) -> None:
        self._address = address
        self._settings = settings
        self._limit = limit

    async def ask(self, sql: str) -> Any:
        connection = await connect(self._address, self._settings)
        try:
            await connection.execute(
                "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED READ ONLY; "
                f"SET LOCAL statement_timeout = {int(self._limit * 1000)}; "
                f"SET LOCAL lock_timeout = {int(self._limit * 1000)}; "
                "SET LOCAL enable_seqscan = on"
            )
            async with asyncio.timeout(self._limit + _GRACE):
                row = await connection.fetchrow(question(sql))
            return row[0] if row else None
        except TimeoutError as error:
            raise ProbeFailed(f"no answer within {self._limit:g} s") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise self._fault(error) from error
        except (ValueError, OverflowError) as error:
            # The text cannot be sent (a zero byte), or the value has no form here (the year 10000).
            raise ProbeFailed(f"{type(error).__name__}: {error}") from error
        finally:
            connection.terminate()

    def _fault(self, error: Exception) -> Exception:
        state = sqlstate(error) or ""
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        if state in (_SYNTAX_ERROR, _READ_ONLY):
            return Rejected(first_line, field="condition")
        if state == _CANCELLED:
            return ProbeFailed(f"no answer within {self._limit:g} s")
        if state and not state.startswith(_AWAY):
            return ProbeFailed(first_line)
        return translate(error) or DatabaseUnavailable(first_line)

"""See hub.db.probe, on MariaDB and MySQL.

Invariant: the connection takes one statement only, the transaction is READ ONLY, the server ends the statement at the
limit, and the connection is closed afterwards, with whatever the statement may have locked or set in it.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from asyncmy.errors import MySQLError

from hub.db.mysql.connector import Connector, leave
from hub.db.mysql.faults import code_of, translate
from hub.db.probe import ProbeFailed, question
from hub.db.settings import DatabaseSettings
from hub.db.url import Address
from hub.errors import DatabaseUnavailable, Rejected

# Time for the server to end the statement itself before the connection is cut.
_GRACE = 1.0
# A parse error, an empty text, a write in a transaction that only reads.
_REFUSED = frozenset((1064, 1065, 1149, 1792))
_TOO_LONG = frozenset((1969, 3024))
# The one thing that a reading statement may write, outside of the database.
_INTO_FILE = re.compile(r"\bINTO\s+(?:OUTFILE|DUMPFILE)\b", re.IGNORECASE)


class MysqlProbe:
    """See hub.db.probe.Probe."""

    def __init__(self, address: Address, settings: DatabaseSettings, limit: float) -> None:
        self._connector = Connector(address, settings)
        self._limit = limit

    async def ask(self, sql: str) -> Any:
        if _INTO_FILE.search(sql):
            raise Rejected("it does more than read", field="condition")
        connection = await self._connector.open()
        answered = False
        try:
            cursor = connection.cursor()
            if self._connector.server(connection).mariadb:
                await cursor.execute(f"SET SESSION max_statement_time = {self._limit:f}")
            else:
                await cursor.execute(f"SET SESSION max_execution_time = {int(self._limit * 1000)}")
            await cursor.execute("START TRANSACTION READ ONLY")
            began = asyncio.get_running_loop().time()
            async with asyncio.timeout(self._limit + _GRACE):
                await cursor.execute(question(sql))
                row = await cursor.fetchone()
            answered = True
            if asyncio.get_running_loop().time() - began >= self._limit:
                raise TimeoutError  # MySQL ends a SLEEP by answering 1
            return row[0] if row else None
        except TimeoutError as error:
            raise ProbeFailed(f"no answer within {self._limit:g} s") from error
        except (MySQLError, OSError) as error:
            raise self._fault(error) from error
        except (ValueError, OverflowError) as error:
            # The text cannot be sent, or the value has no form here.
            raise ProbeFailed(f"{type(error).__name__}: {error}") from error
        finally:
            if answered:
                leave(connection)
            else:
                self._connector.abandon(connection)

    def _fault(self, error: Exception) -> Exception:
        code = code_of(error)
        message = str(error.args[1] if len(error.args) > 1 else error).splitlines()[0]
        if code in _REFUSED:
            return Rejected(message, field="condition")
        if code in _TOO_LONG:
            return ProbeFailed(f"no answer within {self._limit:g} s")
        translated = translate(error)
        return translated if isinstance(translated, DatabaseUnavailable) else ProbeFailed(message)

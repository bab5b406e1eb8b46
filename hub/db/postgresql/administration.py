"""See hub.db.scratch, on PostgreSQL."""

from __future__ import annotations

import asyncpg

from hub.db.postgresql.connections import connect
from hub.db.postgresql.faults import sqlstate, translate
from hub.db.settings import DatabaseSettings
from hub.db.url import Address
from hub.errors import Rejected

_SETTINGS = DatabaseSettings(application_name="hub scratch")
_FORBIDDEN = "42501"


async def administer(address: Address, sql: str) -> None:
    connection = await connect(address, _SETTINGS)
    try:
        await connection.execute(sql, timeout=60)
    except (asyncpg.PostgresError, OSError, TimeoutError) as error:
        if sqlstate(error) == _FORBIDDEN:
            raise Rejected(
                f"{address.masked}: {error}; give the user that right (ALTER ROLE … CREATEDB), or name another"
            ) from error
        raise translate(error) or error from error
    finally:
        connection.terminate()

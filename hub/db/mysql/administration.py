"""See hub.db.scratch, on MariaDB and MySQL."""

from __future__ import annotations

from asyncmy.errors import MySQLError

from hub.db.mysql.connector import Connector, leave
from hub.db.mysql.faults import code_of, translate
from hub.db.settings import DatabaseSettings
from hub.db.url import Address
from hub.errors import Rejected

_SETTINGS = DatabaseSettings(application_name="hub scratch")
_FORBIDDEN = frozenset((1044, 1142, 1227))


async def administer(address: Address, sql: str) -> None:
    connection = await Connector(address, _SETTINGS).open()
    try:
        await connection.query(sql)
    except (MySQLError, OSError) as error:
        if code_of(error) in _FORBIDDEN:
            raise Rejected(
                f"{address.masked}: {error.args[-1]}; give the user that right (GRANT CREATE, DROP …), or name another"
            ) from error
        raise translate(error) or error from error
    finally:
        leave(connection)

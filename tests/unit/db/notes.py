"""The table `notes`, and what the tests do with it."""

from collections.abc import Callable

from hub.db.sqlite import SqliteDatabase
from hub.db.statement import compile_statement
from hub.ports import Statement

Open = Callable[..., SqliteDatabase]


def sql(*texts: str) -> Statement:
    """A statement of the hub, as one in a .sql file would be."""
    return compile_statement("test", "\n----\n".join(texts), positional=False)


class Notes:
    """What the tests do with the table `notes`."""

    CREATE = sql("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, body TEXT UNIQUE, at TEXT)")
    ALL = sql("SELECT body FROM notes ORDER BY id")
    ADD = sql("-- columns: body\nINSERT INTO notes (body) SELECT value ->> 0 FROM json_each(:rows) RETURNING body")
    ADD_NONE = sql("INSERT INTO notes (body) SELECT 'x' WHERE FALSE RETURNING body")

    def __init__(self, database: SqliteDatabase) -> None:
        self.database = database

    async def bodies(self) -> list[str]:
        """What is committed."""
        return [row["body"] for row in await self.database.read(self.ALL)]

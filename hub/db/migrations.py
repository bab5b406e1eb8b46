"""The migration files of a dialect, as values: version, name, SQL, checksum.

Invariant: the checksum is that of what the database is told: comments, blanks and line endings do not count, so that a
better comment in an applied file is no change, and any other edit is.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from importlib.resources.abc import Traversable

import msgspec

from hub.errors import MigrationError
from hub.resources import migrations_dir

_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
# Texts and quoted names are kept as they are; what lies between them is where comments and blanks can be.
_PIECES = re.compile(
    r"(?P<kept>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)|(?P<gap>(?:\s|--[^\n]*|/\*.*?\*/)+)",
    re.DOTALL,
)

# Replacements made in applied files that change nothing: (what stands there now, what the checksum was taken of). MySQL
# has had no MD5 since 9.6, and the files only name their lock by it.
_SAME = (("LEFT(SHA2(DATABASE(), 256), 32)", "MD5(DATABASE())"),)
# A server may take "…" for a name, and the two letters of \n for two letters: the files mean what it does by default.
_MODE = "SET @hub_mode = @@SESSION.sql_mode, SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION';\n"
_MODE_AGAIN = "SET SESSION sql_mode = @hub_mode;\n"


class Recorded(msgspec.Struct, frozen=True):
    """A row of hub_migrations; `checksum` is None when the file was run by psql or sqlite3."""

    name: str
    checksum: str | None
    applied_at: datetime


class Migration(msgspec.Struct, frozen=True):
    """One file; `sql` with line endings as \\n."""

    version: int
    name: str
    sql: str

    @property
    def file(self) -> str:
        return f"{self.version:04d}_{self.name}.sql"

    @property
    def checksum(self) -> str:
        """SHA-256 of the SQL without comments, in hexadecimal."""
        bare = _PIECES.sub(lambda piece: piece["kept"] or " ", self.sql).strip()
        for now, first in _SAME:
            bare = bare.replace(now, first)
        return hashlib.sha256(bare.encode()).hexdigest()


def migrations(dialect: str) -> list[Migration]:
    """The migrations of a dialect in their order; raises MigrationError when there are none, or one is missing."""
    try:
        found = read(migrations_dir(dialect))
    except FileNotFoundError as error:
        raise MigrationError(f"this version of the hub does not run on {dialect}: {error}") from error
    if not found:
        raise MigrationError(f"this version of the hub does not run on {dialect}: it has no migrations for it")
    return found


def read(folder: Traversable) -> list[Migration]:
    """The migrations in a folder."""
    found: list[Migration] = []
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if not file.name.endswith(".sql"):
            continue
        if (parts := _NAME.fullmatch(file.name)) is None:
            raise MigrationError(f"{file.name} is no name of a migration; write it like 0002_what_it_does.sql")
        sql = file.read_bytes().decode("utf-8").replace("\r\n", "\n")
        found.append(Migration(int(parts[1]), parts[2], sql))
    for expected, migration in enumerate(found, start=1):
        if migration.version != expected:
            raise MigrationError(
                f"migration {expected:04d} is missing, or there twice: the next file is {migration.file}"
            )
    return found


def whole(dialect: str, after: int = 0) -> str:
    """The SQL of all migrations above version `after` as one text, for psql, mysql or sqlite3."""
    text = "\n".join(f"-- {each.file}\n{each.sql}" for each in migrations(dialect) if each.version > after)
    return f"{_MODE}\n{text}\n{_MODE_AGAIN}" if text and dialect == "mysql" else text

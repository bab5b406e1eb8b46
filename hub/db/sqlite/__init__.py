"""SQLite: the embedded database, in one file, written by one thread of one process."""

from hub.db.sqlite.database import SqliteDatabase

__all__ = ["SqliteDatabase"]

"""What a database is opened with; the configuration's `database` section in the terms of this layer."""

from __future__ import annotations

import msgspec


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`pool` bounds open job transactions; durations are in seconds. `listen_url` is a direct address behind PgBouncer.

    `exclusive` (SQLite) takes the file's lock, which only the process that runs jobs needs.
    """

    pool: int = 16
    transaction_warning: float = 5.0
    transaction_timeout: float = 60.0
    connect_timeout: float = 10.0
    command_timeout: float = 60.0
    listen_url: str | None = None
    exclusive: bool = True
    application_name: str = "hub"

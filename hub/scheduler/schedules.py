"""The schedules of the configuration, and their rows in the table `jobs`.

Invariant: rows with owner 'config' say what the configuration says; a row that somebody else made is never touched,
even if it has the name of a configured one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from hub.db.statement import load
from hub.ports import Database, Statement


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as the configuration has it: `payload` and `metadata` are JSON text, durations are in seconds.

    In the order of the statement's columns, behind the name.
    """

    handler: str
    cronexpression: str | None = None
    intervalseconds: int | None = None
    startat: datetime | None = None
    endat: datetime | None = None
    maxexecutions: int = 0
    enabled: bool = True
    condition: str | None = None
    priority: int = 0
    maxretries: int | None = None
    timeout: float = 300.0
    metadata: str | None = None
    enable_recovery: bool = True
    payload: str | None = None
    queue: str | None = None
    timezone: str = "UTC"
    misfire: str = "once"
    overlap: str = "allow"
    jitter: float = 0.0
    description: str | None = None


class Schedules:
    """Writes them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _load(self, name: str) -> Statement:
        return load("hub.scheduler", self._database.dialect, name)

    async def follow(self, schedules: Mapping[str, Schedule]) -> list[str]:
        """Write what differs, disable what is configured no more; the names that rows of others have."""
        rows = [
            (name, *(getattr(schedule, field) for field in Schedule.__struct_fields__))
            for name, schedule in sorted(schedules.items())
        ]
        answer = await self._database.run(self._load("follow"), rows) if rows else []
        await self._database.run(self._load("retire"), [(name,) for name in sorted(schedules)])
        return [row["name"] for row in answer if row["owner"] != "config"]

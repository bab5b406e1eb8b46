"""What the maintenance handlers ask of the hub that runs them.

Invariant: what the configuration says of retention is read at each call, so that an edit counts at once.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from hub.queue.records import Records


class HubMaintenance:
    """See hub.handlers.system.Maintenance. `dedupe_retention` in seconds."""

    def __init__(
        self,
        records: Records,
        dedupe_retention: Callable[[], float],
        health: Callable[[], Coroutine[Any, Any, dict[str, Any]]],
    ) -> None:
        self._records = records
        self._dedupe_retention = dedupe_retention
        self.delete_histories = records.delete_histories
        self.delete_jobs = records.delete_jobs
        self.retry_failed = records.retry_failed
        self.health = health

    async def release_dedupe(self, limit: int) -> int:
        return await self._records.release_dedupe(self._dedupe_retention(), limit)

"""Back-pressure: when intake says "not now" instead of growing without bound.

Invariant: rows and bytes that wait for their commit are bounded, and so, within a second, is the queue. The depth is
asked of the database at most once a second, by one caller; the others use what was answered last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from hub.clock import Clock
from hub.errors import HubError, Saturated
from hub.model import Enqueued, NewJob
from hub.telemetry import get_logger

_log = get_logger("hub.ingest")


class Commit(Protocol):
    """What intake asks of the group commit."""

    @property
    def waiting(self) -> int:
        """Rows that wait for their commit."""
        ...

    async def enqueue(self, job: NewJob) -> Enqueued:
        """Durable when it returns."""
        ...


class PressureLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`high_water` counts jobs waiting in the database; the rest what waits here for its commit. Ages in seconds."""

    high_water: int = 100_000
    max_waiting: int = 10_000
    max_bytes: int = 64 * 2**20
    fresh_for: float = 1.0
    stale_after: float = 10.0
    retry_after: float = 5.0


class Pressure:
    """Admits work or raises Saturated."""

    def __init__(
        self, commit: Commit, depth: Callable[[], Awaitable[int]], clock: Clock, limits: PressureLimits | None = None
    ) -> None:
        self._commit = commit
        self._depth = depth
        self._clock = clock
        self.limits = limits or PressureLimits()
        self._known = 0
        self._asked = float("-inf")
        self._known_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None
        self._bytes = 0

    async def admit(self, size: int = 0) -> None:
        """Raises Saturated when a message of `size` bytes should come later."""
        limits = self.limits
        if self._commit.waiting >= limits.max_waiting or (self._bytes and self._bytes + size > limits.max_bytes):
            raise Saturated("more messages wait for their commit than may", retry_after=1.0)
        if await self._waiting_jobs() >= limits.high_water:
            raise Saturated(f"{limits.high_water} jobs or more wait in the queue", retry_after=limits.retry_after)

    async def commit(self, job: NewJob) -> Enqueued:
        """Enqueue, counting the bytes as long as they wait."""
        size = len(job.payload or "")
        self._bytes += size
        try:
            return await self._commit.enqueue(job)
        finally:
            self._bytes -= size

    async def _waiting_jobs(self) -> int:
        now = self._clock.monotonic()
        if self._asking is None and now - self._asked >= self.limits.fresh_for:
            self._asked = now
            self._asking = asyncio.get_running_loop().create_task(self._ask(), name="queue depth")
        if self._asking is not None and now - self._known_at >= self.limits.stale_after:
            await asyncio.shield(self._asking)
        return self._known

    async def _ask(self) -> None:
        try:
            self._known = await self._depth()
            self._known_at = self._clock.monotonic()
        except HubError as error:
            # The commit will find out by itself; meanwhile the last depth known is as good as any.
            _log.debug("queue depth unknown", error=str(error))
        finally:
            self._asking = None

"""The lease of one adapter, while this instance wants it.

Invariant: `held` is true only as long as nobody else can have the lease: what the database has not confirmed within the
lease's own time, counted from before it was asked, counts as lost.
"""

from __future__ import annotations

from hub.clock import Clock
from hub.errors import HubError
from hub.ingest.leases import Leases
from hub.telemetry import get_logger

_log = get_logger("hub.adapters")


class Lease:
    """`pause` is how long to wait between two looks, in seconds: a third of the lease."""

    def __init__(self, leases: Leases, adapter: str, clock: Clock) -> None:
        self._leases = leases
        self._adapter = adapter
        self._clock = clock
        self._fence: int | None = None
        self._until = 0.0
        self.pause = leases.lease / 3

    @property
    def held(self) -> bool:
        return self._fence is not None and self._clock.monotonic() < self._until

    async def take(self) -> bool:
        """Whether this instance holds it now. Raises DatabaseUnavailable."""
        asked = self._clock.monotonic()
        self._fence = await self._leases.take(self._adapter)
        self._until = asked + self._leases.lease
        return self._fence is not None

    async def renew(self) -> bool:
        """Whether it is still held; a database that is away changes nothing as long as the time has not run out."""
        if self._fence is None:
            return False
        asked = self._clock.monotonic()
        try:
            if not await self._leases.renew(self._adapter, self._fence):
                self._fence = None
                return False
            self._until = asked + self._leases.lease
        except HubError as error:
            _log.debug("lease not renewed", adapter=self._adapter, error=str(error))
        # Disconnecting takes time, too: stop before another instance can begin.
        return self._clock.monotonic() < self._until - self._leases.lease / 4

    async def release(self) -> None:
        """Let another instance have it at once; without the database it has it when the time has run out."""
        fence, self._fence = self._fence, None
        if fence is None:
            return
        try:
            await self._leases.release(self._adapter, fence)
        except HubError as error:
            _log.debug("lease not released", adapter=self._adapter, error=str(error))

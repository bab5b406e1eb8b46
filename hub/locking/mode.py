"""Whether the configured cache is there, and the locks as they are used: with it when it is, without when it is not.

Invariant: when the cache is lost one call waits for its time limit, and those under way beside it; after that nothing
waits until a probe, which goes on by itself, has found the cache again. Losing it never raises: then everything asked
for is granted, since the database decides anyway. A cache that answers pings alone is found ever more seldom.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from hub.clock import Clock
from hub.errors import CacheUnavailable
from hub.ports import Cache, Locks

_log = logging.getLogger("hub.cache")

_FIRST_PROBE = 0.1
_SLOWEST_PROBE = 5.0
# Lost sooner than that after it was found, a cache has not been back: the probe goes on where it was.
_STEADY = 30.0


class CacheMode:
    """What the cache is good for now. start, stop; both tolerate being called twice.

    `cache` None: none is configured. `returned` are called each time the cache is there (again).
    """

    def __init__(self, cache: Cache | None, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._probe: asyncio.Task[None] | None = None
        self._pause = _FIRST_PROBE
        self._found_at = clock.monotonic()
        self._since: datetime = clock.now()
        self._returned: list[Callable[[], None]] = []
        self.reachable = False

    async def start(self) -> None:
        """Look for the cache; without it the hub runs all the same."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        if self._cache is None:
            _log.info("single-instance mode: no cache is configured; the database alone keeps instances apart")
            return
        if self.reachable or self._probe is not None:
            return
        try:
            await self._cache.ping()
        except CacheUnavailable as error:
            self._say_lost(error)
        else:
            self._found()

    async def stop(self) -> None:
        probe, self._probe = self._probe, None
        if probe is not None:
            probe.cancel()
            await asyncio.gather(probe, return_exceptions=True)
        self.reachable = False
        if self._cache is not None:
            await self._cache.close()

    def when_found(self, call: Callable[[], None]) -> None:
        """Call this each time the cache is there (again)."""
        self._returned.append(call)

    def lost(self, error: CacheUnavailable) -> None:
        """A call failed: go on without, until the probe finds the cache. From any thread."""
        if not self.reachable or self._loop is None:
            return
        if threading.get_ident() != self._thread:
            self._loop.call_soon_threadsafe(self.lost, error)
            return
        self.reachable = False
        self._say_lost(error)

    @property
    def distributed(self) -> bool:
        """Whether what stands on the cache counts for other instances too."""
        return self.reachable and self._cache is not None and self._cache.shared

    def state(self) -> dict[str, object]:
        """For /health and `hub status`; `since`: when it became so."""
        return {
            "mode": "distributed" if self.distributed else "single-instance",
            "adapter": self._cache.adapter if self._cache is not None else None,
            "reachable": self.reachable if self._cache is not None else None,
            "since": self._since.isoformat(),
        }

    def _say_lost(self, error: CacheUnavailable) -> None:
        self._since = self._clock.now()
        _log.warning("single-instance mode until the cache answers: %s", error)
        if self._clock.monotonic() - self._found_at >= _STEADY:
            self._pause = _FIRST_PROBE
        if self._probe is None:
            self._probe = asyncio.create_task(self._look(), name="cache probe")

    def _found(self) -> None:
        self.reachable = True
        self._found_at = self._clock.monotonic()
        self._since = self._clock.now()
        if self._cache is not None:
            _log.info(
                "%s is there: %s",
                self._cache.adapter,
                "locks are shared by all instances" if self._cache.shared else "single-instance mode, by configuration",
            )
        for call in self._returned:
            call()

    async def _look(self) -> None:
        """Until the cache answers, ever more seldom."""
        while self._cache is not None:
            await asyncio.sleep(self._pause * (0.5 + self._clock.random() / 2))
            self._pause = min(_SLOWEST_PROBE, 2 * self._pause)
            try:
                await self._cache.ping()
            except CacheUnavailable:
                continue
            self._probe = None
            self._found()
            return


class ModalLocks:
    """`hub.ports.Locks` that never fail: while the cache is away everybody gets what they ask for, with token 0."""

    def __init__(self, locks: Locks, mode: CacheMode) -> None:
        self._locks = locks
        self._mode = mode

    async def acquire(self, names: Sequence[str], owner: str, ttl: float) -> dict[str, int]:
        if self._mode.reachable:
            try:
                return await self._locks.acquire(names, owner, ttl)
            except CacheUnavailable as error:
                self._mode.lost(error)
        return dict.fromkeys(names, 0)

    async def renew(self, held: Mapping[str, int], owner: str, ttl: float) -> set[str]:
        if self._mode.reachable:
            try:
                return await self._locks.renew(held, owner, ttl)
            except CacheUnavailable as error:
                self._mode.lost(error)
        return set(held)

    async def release(self, held: Mapping[str, int], owner: str) -> set[str]:
        if self._mode.reachable:
            try:
                return await self._locks.release(held, owner)
            except CacheUnavailable as error:
                self._mode.lost(error)
        return set()

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[Locks]:
        async with self._locks.apart() as locks:
            yield ModalLocks(locks, self._mode)

"""How an instance is: what /health and `hub status` tell of its parts, and why it cannot take work.

Invariant: the database is asked once, each part only for what it knows of itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hub.clock import Clock
from hub.ingest.supervisor import Supervisor
from hub.locking import Sharing
from hub.ports import Database
from hub.queue.engine import Engine
from hub.scheduler.recovery import Recovery
from hub.scheduler.scheduler import Scheduler
from hub.version import version
from hub.workflows.monitor import Monitor


class Health:
    """Of one instance. `stopping`: it takes nothing more; `processes`: those of which this is the first, told by
    whoever knows of them."""

    def __init__(
        self,
        instance: str,
        clock: Clock,
        *,
        database: Database,
        sharing: Sharing,
        engine: Engine,
        supervisor: Supervisor,
        scheduler: Scheduler,
        recovery: Recovery,
        monitor: Monitor,
    ) -> None:
        self._instance = instance
        self._clock = clock
        self._database = database
        self._sharing = sharing
        self._engine = engine
        self._supervisor = supervisor
        self._scheduler = scheduler
        self._recovery = recovery
        self._monitor = monitor
        self._since = clock.monotonic()
        self.processes: Callable[[], list[dict[str, Any]]] | None = None
        self.stopping = False

    async def state(self) -> dict[str, Any]:
        """For /health; `status` among it: 'ok' or 'degraded'."""
        reachable = not self._engine.away and await self._engine.store.reachable()
        return {
            "status": "ok" if reachable else "degraded",
            "version": version(),
            "instance": self._instance,
            "uptime_seconds": round(self._clock.monotonic() - self._since, 3),
            "database": {"dialect": self._database.dialect, "reachable": reachable},
            "cache": self._sharing.mode.state(),
            "adapters": {one["name"]: one for one in self._supervisor.view()},
            "scheduler": self._scheduler.state(),
            "recovery": self._recovery.state(),
            "jobs": self._engine.state(),
            **({"processes": self.processes()} if self.processes is not None else {}),
        }

    async def unready(self) -> list[str]:
        """Why this instance cannot take work now; empty when it can."""
        found = ["shutting down"] if self.stopping else []
        found += self._engine.faults()
        found += filter(None, (self._scheduler.failing, self._monitor.failing, self._recovery.failing))
        if not await self._engine.store.reachable():
            found.append("the database is away")
        return list(dict.fromkeys(found))

"""Alerts: what the configuration watches, measured every few seconds, told to an adapter or a destination.

Invariant: one instance watches, under a lease in the database. A message is a row like any other, with a dedupe key of
its alert and its span of time, so that whoever takes over says nothing twice within `repeat`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from hub.clock import Clock
from hub.config.sections.plans import Alert
from hub.config.topics import ALERTS_TOPIC
from hub.errors import HubError
from hub.handlers.outgoing import publication
from hub.ingest.lease import Lease
from hub.ingest.leases import Leases
from hub.model import JobType, NewJob
from hub.ports import Database
from hub.queue.records import Records
from hub.service import end
from hub.telemetry import get_logger

_log = get_logger("hub.alerts")

EVERY: Final = 5.0
"""Seconds between two looks."""
_LEASE: Final = "hub.alerts"
_DOWN: Final = "connecting"

Adapters = Callable[[], list[dict[str, Any]]]


class _Watched:
    """What is known of one alert: since when it holds, and when it was last told (monotonic seconds)."""

    def __init__(self) -> None:
        self.since: float | None = None
        self.began: datetime | None = None
        self.told: float | None = None


class Alerts:
    """start, stop; `look` once. `alerts` answers those of the configuration in force, `adapters` the states of the
    adapters as this instance sees them."""

    def __init__(
        self,
        alerts: Callable[[], Mapping[str, Alert]],
        records: Records,
        adapters: Adapters,
        enqueue: Callable[[NewJob], Awaitable[object]],
        database: Database,
        owner: str,
        clock: Clock,
    ) -> None:
        self._alerts = alerts
        self._records = records
        self._adapters = adapters
        self._enqueue = enqueue
        self._clock = clock
        self._lease = Lease(Leases(database, owner, 6 * EVERY), _LEASE, clock)
        self._watched: dict[str, _Watched] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="alerts")

    async def stop(self) -> None:
        """Tolerates never-started and twice."""
        task, self._task = self._task, None
        if task is not None:
            await end(task)
        await self._lease.release()

    async def look(self) -> None:
        """Measure, and tell what is to be told. Raises the database's errors."""
        alerts = self._alerts()
        if not alerts or not await self._watches():
            self._watched.clear()
            return
        for gone in self._watched.keys() - alerts.keys():
            del self._watched[gone]
        statistics = await self._records.statistics()
        for name, alert in alerts.items():
            await self._judge(name, alert, await self._measure(alert, statistics))

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except HubError as error:
                _log.info("alerts were not looked at", error=str(error))
            except Exception:  # a bug must not end the watch
                _log.exception("alerts could not be looked at")
            await asyncio.sleep(EVERY)

    async def _watches(self) -> bool:
        """Whether this instance is the one that watches."""
        return await (self._lease.renew() if self._lease.held else self._lease.take())

    async def _measure(self, alert: Alert, statistics: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> float:
        queues = [one for name, one in statistics["queues"].items() if alert.queue in (None, name)]
        match alert.metric:
            case "queue_depth":
                return float(sum(queue["ready"] for queue in queues))
            case "queue_age":
                return max((float(queue["oldest_seconds"] or 0.0) for queue in queues), default=0.0)
            case "dead_letters":
                return float(await self._records.count_dead(handler=alert.handler, queue=alert.queue))
            case "failure_rate":
                handlers = [one for name, one in statistics["handlers"].items() if alert.handler in (None, name)]
                total = sum(one["total"] for one in handlers)
                return sum(one["failed"] for one in handlers) / total if total else 0.0
            case "adapter_down":
                adapters = [one for one in self._adapters() if alert.adapter in (None, one["name"])]
                return float(sum(one["state"] == _DOWN for one in adapters))

    async def _judge(self, name: str, alert: Alert, value: float) -> None:
        watched = self._watched.setdefault(name, _Watched())
        now = self._clock.monotonic()
        if value <= alert.above:
            if watched.told is not None:
                await self._tell(name, alert, "resolved", value, watched)
            self._watched[name] = _Watched()
            return
        if watched.since is None:
            watched.since, watched.began = now, self._clock.now()
        due = watched.told is None or now - watched.told >= alert.repeat
        if due and now - watched.since >= alert.for_:
            await self._tell(name, alert, "firing", value, watched)
            watched.told = now

    async def _tell(self, name: str, alert: Alert, status: str, value: float, watched: _Watched) -> None:
        at = self._clock.now()
        said = {
            "alert": name,
            "status": status,
            "metric": alert.metric,
            "value": value,
            "above": alert.above,
            "since": watched.began,
            "at": at,
            **{key: found for key in ("queue", "handler", "adapter") if (found := getattr(alert, key)) is not None},
        }
        span = int(at.timestamp() // alert.repeat)
        row = publication(
            None,
            self._clock.new_id(),
            alert.to,
            alert.topic or ALERTS_TOPIC,
            said,
            None,
            {"dedupe": f"{name} {status} {span}"},
        )
        await self._enqueue(msgspec.structs.replace(row, source="alert", typeid=JobType.SYSTEM))
        _log.warning("alert", alert=name, status=status, metric=alert.metric, value=value, above=alert.above)

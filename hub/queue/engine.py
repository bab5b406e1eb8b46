"""The engine of one process: the parts of the queue put together, started and stopped in order.

Invariant: intake works with or without the workers; the workers stop before the database does, and everything that
ended is written before they are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from hub.clock import Clock
from hub.handlers.registry import Registry
from hub.model import Status
from hub.ports import Channels, Database, Locks
from hub.ports.limits import States
from hub.queue.admission import Admission
from hub.queue.arrival import Arrival
from hub.queue.attempt import Held
from hub.queue.claims import StoreSettings
from hub.queue.executor import Executor, ExecutorSettings
from hub.queue.group_commit import GroupCommit
from hub.queue.grouping import Grouping
from hub.queue.heartbeat import Heartbeat
from hub.queue.job_locks import JobLocks
from hub.queue.limit import Limit
from hub.queue.limit_rules import HandlerLimit, LimitRules
from hub.queue.limit_states import DatabaseStates
from hub.queue.limits import JobLimits
from hub.queue.settler import Settler
from hub.queue.store import Store
from hub.queue.upkeep import Upkeep, UpkeepSettings
from hub.queue.worker import PoolSettings, WorkerPool
from hub.telemetry.metrics import Metrics

ABREAST: Final = 3
"""Flushes of completions that write more than their jobs, in flight at once: such a flush is four trips, in which the
server and this process take turns. Steps of workflows with 1, 2, 3, 4: 13.5k, 17.5k, 18.2k, 17.6k a second."""


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`work`: whether jobs are run here; intake works either way. `enabled`: whether jobs are to be run at all; an
    instance whose role is another one is no worse for not running them."""

    store: StoreSettings
    pool: PoolSettings
    executor: ExecutorSettings = ExecutorSettings()
    upkeep: UpkeepSettings = UpkeepSettings()
    queue_limits: Mapping[str, Limit] = {}
    handler_limits: Mapping[str, HandlerLimit] = {}
    work: bool = True
    enabled: bool = True


class Shared(msgspec.Struct, frozen=True):
    """What this process shares with other instances beside the database: the locks of claimed jobs, notifications,
    and a place for the state of limits that goes before the one given."""

    locks: Locks | None = None
    channels: Channels | None = None
    states: Callable[[States], States] | None = None


class Engine:
    """start, stop; `store` and `commit` for those who enqueue."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        clock: Clock,
        metrics: Metrics,
        settings: EngineSettings,
        shared: Shared | None = None,
    ) -> None:
        shared = shared or Shared()
        self._settings = settings
        self._database = database
        self._held = Held()
        self._channels = shared.channels
        self.store = Store(database, settings.store, registry)
        owner, lease = settings.store.owner, settings.store.lease
        locks = JobLocks(shared.locks, owner, lease) if shared.locks is not None else None
        self.limits = self._limits(settings, owner, clock, shared)
        admission = Admission(clock, lease, locks, self.limits)
        self.commit = GroupCommit(self.store, self.arrived, clock)
        abreast = ABREAST if database.writes_abreast else 1
        self.settler = Settler(
            self.store, self._held, clock, metrics, self._woken_here, self.arrived, admission, abreast
        )
        executor = Executor(registry, self.store, self.settler, database, clock, settings.executor)
        grouping = Grouping(executor, self.store, self.settler, self._held, database, clock)
        self.pool = WorkerPool(
            self.store, executor, grouping, self.settler, self._held, clock, metrics, settings.pool, admission
        )
        self.heartbeat = Heartbeat(database, self.store, self._held, clock, locks)
        self.upkeep = Upkeep(self.store, self.pool, self._held, clock, settings.upkeep)
        metrics.watch("hub_jobs_running", "Jobs that run now", "queue", lambda: self._gauge("running"))
        metrics.watch("hub_jobs_claimed_ahead", "Jobs claimed and not begun", "queue", lambda: self._gauge("waiting"))

    async def start(self) -> None:
        """The database is started already. Raises DatabaseUnavailable when it is away."""
        if not self._settings.work:
            return
        self.heartbeat.start()
        await self._database.listen("hub_jobs", self.upkeep.heard_job)
        await self._database.listen("hub_ready", self.upkeep.heard_ready)
        await self._database.listen("hub_cancel", self.upkeep.heard_cancel)
        if self._channels is not None:
            self._channels.listen("hub_jobs", self.upkeep.heard_job, self.pool.wake_all)
            self._channels.listen("hub_ready", self.upkeep.heard_ready, self.pool.wake_all)
            self._channels.listen("hub_cancel", self.upkeep.heard_cancel, self.upkeep.hurry)
        self.limits.start()
        self.pool.start()
        self.upkeep.start()

    async def stop(self) -> None:
        """Drain: what was accepted is committed, what runs may finish, the rest is given back."""
        self.pool.close()
        await self.commit.drain()
        if not self._settings.work:
            return
        await self.upkeep.stop()
        await self.pool.stop()
        await self.limits.stop()
        await self.heartbeat.stop()

    def follow(self, settings: EngineSettings) -> None:
        """Keep to these numbers of workers and of queues, to these limits and this ageing from now on. Whatever else
        `settings` say stays as it was."""
        self.store.claims.age(settings.store.ageing)
        rules = LimitRules(settings.queue_limits, settings.handler_limits)
        self.limits.follow(rules, [attempt.claim for attempt in self._held.all()])
        self.pool.resize(settings.pool.workers, settings.pool.queues)

    async def cancel(self, job_id: str, *, reason: str, actor: str) -> Status | None:
        """Cancel a job: CANCELLED if it waited, PROCESSING if it runs and was told to stop, None if it is not there
        or has ended. One that runs here is told at once, even while its transaction keeps every writer out."""
        attempt = self._held.get(job_id)
        if attempt is not None and attempt.started:
            attempt.cancel(reason)
            return Status.PROCESSING
        became = await self.store.cancel(job_id, reason=reason, actor=actor)
        if became is Status.PROCESSING and self._channels is not None:
            self._channels.publish("hub_cancel", job_id)
        return became

    def arrived(self, arrival: Arrival) -> None:
        """These rows are committed, by this process."""
        if self._channels is not None:
            for queue in arrival.queues:
                self._channels.publish(arrival.channel, queue)
        self.pool.wake(arrival.queues)
        if arrival.timed:
            self.upkeep.hurry()

    def woken(self, queues: Iterable[str]) -> None:
        """These queues have something to run; '' also means that something was given a time."""
        queues = frozenset(queues)
        self.arrived(Arrival(queues, timed="" in queues))

    def _woken_here(self, queues: Iterable[str]) -> None:
        queues = list(queues)
        self.pool.wake(queues)
        if "" in queues:
            self.upkeep.hurry()

    @property
    def working(self) -> bool:
        """Whether jobs are run in this process."""
        return self._settings.work

    @property
    def away(self) -> bool:
        """Whether the database was, when this process last wrote: it may answer questions all the same."""
        return self.pool.away or self.settler.away or self.commit.away

    def state(self) -> dict[str, object]:
        """What this process holds and does, for /health and `hub status`."""
        return {
            "working": self._settings.work,
            "held": len(self._held),
            "running": self.pool.running,
            "unsettled": self.settler.backlog,
            "lost_leases": self.settler.lost,
            "queues": self.pool.state(),
        }

    def faults(self) -> list[str]:
        """Why this process cannot take or run work now; empty when it can."""
        found = []
        if not self._settings.enabled:
            found.append("jobs are disabled (jobs.enabled is false)")
        if self.away:
            found.append("the database is away")
        elif self.upkeep.failing:
            found.append(self.upkeep.failing)
        if self.heartbeat.failing:
            found.append("leases cannot be renewed")
        return found

    def _limits(self, settings: EngineSettings, owner: str, clock: Clock, shared: Shared) -> JobLimits:
        rules = LimitRules(settings.queue_limits, settings.handler_limits)
        states: States = DatabaseStates(self._database)
        return JobLimits(rules, shared.states(states) if shared.states else states, owner, clock, self._wake_pool)

    def _wake_pool(self, queues: Iterable[str]) -> None:
        self.pool.wake(queues)

    def _gauge(self, name: str) -> dict[str, float]:
        return {queue: float(state[name]) for queue, state in self.pool.state().items()}

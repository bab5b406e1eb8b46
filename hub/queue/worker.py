"""The worker pool: claims for each queue, runs what was claimed, bounded by the queue's limit and the pool's.

Invariant: a claimed job is in a lane, with a runner, or in the settler's buffer, and in Held all the while; when the
pool stops, what was not begun is given back and what runs is waited for, then stopped, then given back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import msgspec

from hub.clock import Clock
from hub.queue.admission import Admission
from hub.queue.attempt import Attempt, Held, Stop
from hub.queue.claiming import Claiming
from hub.queue.claims import in_runs
from hub.queue.executor import Executor
from hub.queue.grouping import Grouping
from hub.queue.lane import Lane, Run
from hub.queue.lanes import Lanes
from hub.queue.settler import Settler
from hub.queue.store import Store
from hub.queue.suspects import Suspects
from hub.telemetry.metrics import Metrics

_log = logging.getLogger("hub.queue")

_BACKLOG = 2000
_TURN = 50
_GLANCE = 8
WRITE_TIME = 5.0
"""Seconds that what has ended may take to be written at a stop, however little time the handlers get."""


class PoolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`workers` jobs run at once, within it `queues` (name → limit). `only`: claim these queues and no other.

    `shutdown_timeout` in seconds.
    """

    workers: int
    queues: Mapping[str, int]
    only: frozenset[str] | None = None
    shutdown_timeout: float = 30.0


class WorkerPool:
    """start, wake, stop."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        grouping: Grouping,
        settler: Settler,
        held: Held,
        clock: Clock,
        metrics: Metrics,
        settings: PoolSettings,
        admission: Admission | None = None,
    ) -> None:
        self._admission = admission
        self._executor = executor
        self._grouping = grouping
        self._settler = settler
        self._held = held
        self._settings = settings
        self._lanes = Lanes(settings.workers, settings.queues, settings.only)
        self._claiming = Claiming(
            store, self._lanes, executor, held, clock, metrics, admission, self._free, self._accept
        )
        self._suspects = Suspects(
            executor,
            settler,
            clock,
            store.settings.max_crashes,
            self._run_in_order,
            self._claiming.done,
            self._after_suspects,
        )
        self._runners: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._open = False

    # --- life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._settler.open()
        self._suspects.open()
        self._open = True
        self._claiming.open()
        self.wake_all()

    def close(self) -> None:
        """Claim and begin nothing more."""
        self._open = False
        self._claiming.close()
        self._suspects.close()

    async def stop(self) -> None:
        """Stop claiming, give back what was not begun, wait for the rest as long as it may take, then stop it."""
        self.close()
        await self._claiming.done(self._settings.shutdown_timeout)
        self._give_back_waiting()
        try:
            async with asyncio.timeout(self._settings.shutdown_timeout):
                await self._idle.wait()
        except TimeoutError:
            running = self._held.all()
            _log.warning(
                "%d jobs still ran after %g s and are given back", len(running), self._settings.shutdown_timeout
            )
            for attempt in running:
                attempt.halt(Stop.SHUTDOWN)
            try:
                async with asyncio.timeout(5):
                    await self._idle.wait()
            except TimeoutError:
                _log.error("%d handlers ignore their cancellation; their leases will expire", len(self._runners))
        # The time is that of the handlers: what they leave is written even where they get none.
        await self._settler.drain(max(self._settings.shutdown_timeout, WRITE_TIME))
        self._settler.close()
        if self._admission is not None:
            await self._admission.drain()

    def wake(self, queues: Iterable[str]) -> None:
        """There may be something to run in these queues, or (none named) room for what was left."""
        self._claiming.wake(queues)

    def wake_all(self) -> None:
        """The database answers (again): look into every queue."""
        self.away = False
        self.wake(self._lanes.names())

    @property
    def away(self) -> bool:
        """Whether the database was away when last something was claimed; nothing is until `wake_all`."""
        return self._claiming.away

    @away.setter
    def away(self, away: bool) -> None:
        self._claiming.away = away

    def resize(self, workers: int, queues: Mapping[str, int]) -> None:
        """Run so many at once from now on; what runs beyond that may end."""
        self._settings = msgspec.structs.replace(self._settings, workers=workers, queues=queues)
        self._lanes.resize(workers, queues)
        for lane in self._lanes:
            self._start_runner(lane)
        self.wake_all()

    @property
    def running(self) -> int:
        """Jobs, or groups of them, that run now."""
        return len(self._runners) + self._suspects.running

    def state(self) -> dict[str, dict[str, int]]:
        """Queue → {limit, running, waiting}, of this process."""
        return self._lanes.state()

    # --- what was claimed --------------------------------------------------------------------------------------------

    def _accept(self, attempts: list[Attempt]) -> None:
        by_claim = {attempt.claim.id: attempt for attempt in attempts}
        lanes: dict[Lane, list[Run]] = {}
        for run in in_runs(attempt.claim for attempt in attempts):
            accepted = [by_claim[claim.id] for claim in run]
            lane = self._lanes.of(run[0].queue)
            for attempt in accepted:
                self._held.add(attempt)
            if any(claim.crashcount for claim in run):
                self._suspects.add(lane, accepted)
            else:
                lane.push(accepted)
                lanes.setdefault(lane, []).append(accepted)
        for lane, runs in lanes.items():
            lane.grain = self._grouping.grain(runs)
            self._start_runner(lane)
        self._suspects.start()
        if self._suspects.running:
            self._idle.clear()

    # --- running ----------------------------------------------------------------------------------------------------

    def _start_runner(self, lane: Lane) -> None:
        """One more runner for a lane that has something waiting, if the limits allow. A runner that comes to wait
        starts the next, so that handlers that never wait share one."""
        if (
            self._open
            and lane.needs_runner
            and lane.running < lane.limit
            and len(self._runners) < self._settings.workers
        ):
            lane.running += 1
            self._idle.clear()
            task = asyncio.get_running_loop().create_task(self._run(lane), name=f"runner {lane.name}")
            self._runners.add(task)

    async def _run(self, lane: Lane) -> None:
        task = asyncio.current_task()
        more = partial(self._start_runner, lane)
        runs = 0
        try:
            while lane.waiting and self._open:
                run = lane.pop()
                if (entry := self._grouping.entry_for(run)) is None:
                    await self._run_in_order(lane, run, more)
                else:
                    for left in await self._grouping.run(lane, entry, run, more, partial(self._may_take, lane)):
                        await self._run_in_order(lane, left, more)
                runs += 1
                if not runs % _TURN:
                    await asyncio.sleep(0)  # handlers that never wait must not keep claims and flushes from leaving
                self._claiming.look(lane.name)
                if len(self._runners) >= self._settings.workers and self._lanes.neediest() not in (None, lane):
                    break
        finally:
            lane.running -= 1
            if task is not None:
                self._runners.discard(task)
            self._after_runner(lane)

    def _may_take(self, lane: Lane) -> bool:
        """A group takes another job from its lane."""
        if not lane.waiting % _GLANCE:
            self._claiming.look(lane.name)
        return self._open

    def _after_runner(self, lane: Lane) -> None:
        neediest = self._lanes.neediest()
        if neediest is not None:
            self._start_runner(neediest)
        if not self._runners and not self._suspects.running:
            self._idle.set()
        self._claiming.look(lane.name)
        self._claiming.forget(lane.name)

    async def _run_in_order(self, lane: Lane, run: Run, waits: Callable[[], None] | None = None) -> None:
        """The jobs of a run one after another; once one has not ended its job, the rest is given back. `waits` is
        called when a handler comes to wait."""
        for index, attempt in enumerate(run):
            attempt.waits = waits
            if index:
                attempt.after = self._settler.written(run[index - 1])
            try:
                goes_on = await self._executor.execute(attempt)
            except Exception:
                # A bug of the hub, not of the handler: the lease expires and the rescuer gives the job to another.
                _log.exception("job %s: the executor failed", attempt.claim.id)
                self._settler.drop(attempt)
                goes_on = False
            if not (goes_on and self._open) and index + 1 < len(run):
                for rest in run[index + 1 :]:
                    self._executor.give_back(rest)
                break
        lane.finished(len(run))

    def _free(self) -> int | None:
        """How many jobs could begin at once; None while too many ends wait to be written, or a suspect is prepared."""
        if self._settler.backlog > _BACKLOG or self._suspects.preparing:
            return None
        return self._settings.workers - len(self._runners)

    def _after_suspects(self) -> None:
        if not self._runners:
            self._idle.set()
        self.wake(())

    def _give_back_waiting(self) -> None:
        for attempt in self._lanes.empty():
            self._executor.give_back(attempt)
        self._suspects.give_back()

"""What crashes and dead letters leave behind: executions whose steps have failed learn of it, rows of SQL are begun.

Invariant: nothing here is needed for a workflow whose steps end well. A step that fails here is looked at as soon as
its end is written; one that failed elsewhere, or whose process died, within an interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from hub.clock import Clock
from hub.errors import NotFound, TransactionConflict
from hub.model import Status
from hub.ports import Database
from hub.telemetry import Metrics, get_logger
from hub.watch import Watch
from hub.workflows import graph, rows
from hub.workflows.control import STATUSES, Workflows
from hub.workflows.progress import read_progress

_log = get_logger("hub.workflows")

_PAGE = 1000
_SOONEST, _LATEST = 0.01, 2.0
_ENDED_BADLY = (Status.FAILED, Status.CANCELLED)


class MonitorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. `interval`: rows inserted by SQL; `sweep_interval`: all that runs; `count_interval`: the gauges."""

    interval: float = 5.0
    sweep_interval: float = 30.0
    count_interval: float = 600.0


class Monitor:
    """start, stop; `suspect` is told of steps whose attempt did not end well."""

    def __init__(
        self,
        database: Database,
        workflows: Workflows,
        clock: Clock,
        metrics: Metrics,
        settings: MonitorSettings | None = None,
    ) -> None:
        self._database = database
        self._workflows = workflows
        self._clock = clock
        self._settings = settings or MonitorSettings()
        self._suspects: dict[str, float] = {}
        self._watch = Watch("workflows", self._turn, clock, trouble="workflows are not watched")
        self._counts: Mapping[str, float] = dict.fromkeys(STATUSES, 0.0)
        self._swept = self._counted = float("-inf")
        metrics.watch("hub_workflows", "Workflows by status, as last counted", "status", lambda: self._counts)

    def start(self) -> None:
        self._watch.start()

    async def stop(self) -> None:
        """Tolerates never-started and twice."""
        await self._watch.stop()

    def suspect(self, job_id: str) -> None:
        """An attempt at this step has failed: when its end is written, see what it is."""
        if not self._suspects:  # else it looks soon
            self._watch.hurry()
        self._suspects[job_id] = _SOONEST

    @property
    def failing(self) -> str | None:
        """Why workflows are not watched; None when they are."""
        return self._watch.failing

    async def _turn(self) -> float:
        await self.look()
        return min([self._settings.interval, *self._suspects.values()])

    async def look(self) -> None:
        """Everything that is due."""
        await self._ask_suspects()
        for row in await self._database.read(self._workflows.progress.statement("pending"), limit=_PAGE):
            try:
                await self._workflows.change.adopt(row[0])
            except (NotFound, TransactionConflict):
                continue  # somebody deletes or changes it: it holds up no other, and is looked at again
        now = self._clock.monotonic()
        if now - self._swept >= self._settings.sweep_interval:
            await self.sweep()
            self._swept = now
        if now - self._counted >= self._settings.count_interval:
            self._counts = {status: float(count) for status, count in (await self._workflows.counts()).items()}
            self._counted = now

    async def sweep(self) -> None:
        """Look at the jobs of all open steps of all executions that run, a page at a time."""
        after = ""
        while page := await self._database.read(self._workflows.progress.statement("open"), after=after, limit=_PAGE):
            after = page[-1][0]
            await self._judge(
                rows.step_id(workflow_id, step)
                for workflow_id, progress in page
                for step, state in read_progress(progress).items()
                if state in graph.OPEN
            )

    async def _ask_suspects(self) -> None:
        if not self._suspects:
            return
        asked = dict(self._suspects)
        undecided = await self._judge(asked)
        for job_id, patience in asked.items():
            if job_id in undecided and patience < _LATEST:
                self._suspects[job_id] = patience * 2
            else:
                del self._suspects[job_id]

    async def _judge(self, ids: Iterable[str]) -> set[str]:
        """Tell executions of their failed and cancelled jobs; answers the ids of jobs that are not settled yet."""
        found = await self._database.run(self._workflows.progress.statement("outcomes"), [(id,) for id in ids])
        by_execution: dict[str, dict[str, tuple[int, str | None]]] = {}
        for id, statusid, error in found:
            if statusid in _ENDED_BADLY:
                workflow_id, _, step = id.rpartition(":")
                by_execution.setdefault(workflow_id, {})[step] = statusid, error
        for workflow_id, outcomes in by_execution.items():
            try:
                if await self._workflows.change.fail(workflow_id, outcomes):
                    _log.warning("workflow failed", workflow=workflow_id, steps=", ".join(outcomes))
            except NotFound:
                pass  # it was deleted meanwhile
        return {id for id, statusid, _ in found if statusid == Status.PROCESSING}

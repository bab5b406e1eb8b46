"""Changes to one execution beside the ends of its steps: begin, fail, cancel, resume, a signal.

Invariant: each is one transaction under the execution's lock, sealed by its version; what it means for the jobs of
steps that run is done after the commit, and done again by the monitor if that is lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from hub.errors import AlreadyExists, Conflict, NotFound, Rejected
from hub.model import NewJob, Status
from hub.ports import Database, JobScope, JobTransaction
from hub.queue.arrival import Told
from hub.queue.store import Store
from hub.workflows import graph, rows
from hub.workflows.catalog import Catalog
from hub.workflows.definition import Definition, Step
from hub.workflows.graph import Decision
from hub.workflows.hold import Hold
from hub.workflows.progress import Execution, Progress
from hub.workflows.start import Start

_encode = msgspec.json.Encoder().encode


class Change:
    """See the module. Methods raise NotFound for an execution that is not there, Conflict for one whose state does not
    allow the change."""

    def __init__(self, database: Database, store: Store, progress: Progress, catalog: Catalog, arrived: Told) -> None:
        self._progress = progress
        self._catalog = catalog
        self._hold = Hold(database, store, progress, arrived)

    async def start(self, beginning: Start) -> None:
        """Begin an execution in a transaction of its own."""

        async def work(transaction: JobTransaction) -> None:
            await self.start_in(transaction, beginning)
            await self._hold.enqueue(transaction, beginning.jobs)
            _, _, status, context, _, _, progress, _ = beginning.execution
            await self._hold.commit(transaction, beginning.workflow_id, 0, status or "", context, progress or "{}")

        await self._hold.insist(work)
        await self._hold.wake(beginning.jobs)

    async def start_in(self, transaction: JobScope, beginning: Start) -> None:
        """The rows of an execution, in a job's transaction; its jobs are the caller's to enqueue."""
        await transaction.run(self._progress.statement("insert"), [beginning.execution])
        await self._progress.write_steps(transaction, beginning.steps)

    async def adopt(self, workflow_id: str) -> bool:
        """Begin an execution that is a row inserted by SQL; False if somebody else has. One of a type that nobody has
        defined fails, and so does one whose context is no object, and one whose steps the database refuses."""

        async def work(transaction: JobTransaction) -> list[NewJob] | None:
            execution = await self._hold.take(transaction, workflow_id)
            if execution.status != graph.PENDING:
                return None
            definition = self._catalog.get(execution.workflow_type)
            error = rows.unfit(workflow_id, definition, execution.context)
            if definition is None or error is not None:
                error = error or f"there is no workflow {execution.workflow_type!r}"
                await self._hold.seal(transaction, execution, Decision(graph.FAILED, {}), error=error)
                return []
            context = _encode(rows.read_context(execution.context)).decode()
            return await self._hold.go_on(transaction, execution, definition, graph.begin(definition), context)

        async def give_up(transaction: JobTransaction) -> None:
            execution = await self._hold.take(transaction, workflow_id)
            if execution.status == graph.PENDING:
                await self._hold.seal(transaction, execution, Decision(graph.FAILED, {}), error=why)

        try:
            jobs = await self._hold.insist(work)
        except (Rejected, AlreadyExists) as refused:
            why = f"the database refuses its steps: {refused}"
            await self._hold.insist(give_up)
            return True
        await self._hold.wake(jobs or [])
        return jobs is not None

    async def fail(self, workflow_id: str, outcomes: Mapping[str, tuple[int, str | None]]) -> bool:
        """The jobs of these steps have ended as Failed or Cancelled, with these errors; False if that is known."""
        words = {
            step: graph.FAILED if statusid == Status.FAILED else graph.CANCELLED
            for step, (statusid, _) in outcomes.items()
        }

        async def work(transaction: JobTransaction) -> bool:
            execution = await self._hold.take(transaction, workflow_id)
            decision = graph.fail(execution.status, execution.progress, words)
            if decision.progress == execution.progress:
                return False
            changed = [step for step in words if decision.progress[step] != execution.progress.get(step)]
            await self._progress.write_steps(
                transaction, [_ended(workflow_id, step, words[step], outcomes[step][1]) for step in changed]
            )
            error = next((outcomes[step][1] for step in changed if words[step] == decision.status), None)
            await self._hold.seal(transaction, execution, decision, error=f"{changed[0]}: {error or decision.status}")
            return True

        return await self._hold.insist(work)

    async def cancel(self, workflow_id: str) -> list[str]:
        """End an execution: nothing more begins. Answers the ids of the jobs that are to be cancelled."""

        async def work(transaction: JobTransaction) -> list[str]:
            execution = await self._hold.take(transaction, workflow_id)
            if execution.status in (graph.COMPLETED, graph.CANCELLED):
                raise Conflict(f"the workflow has ended: it is {execution.status}")
            steps = [step for step, state in execution.progress.items() if state in graph.OPEN]
            await self._progress.write_steps(
                transaction, [_ended(workflow_id, step, graph.CANCELLED, "cancelled") for step in steps]
            )
            await self._hold.seal(transaction, execution, graph.cancel(execution.progress), error="cancelled")
            return [rows.step_id(workflow_id, step) for step in steps]

        return await self._hold.insist(work)

    async def resume(self, workflow_id: str, redrive: Callable[[Sequence[str]], Awaitable[int]]) -> list[str]:
        """Go on from the steps that failed or were cancelled; answers their names. Their jobs are queued again first:
        if this process dies in between, their ends bring the execution on all the same. Those of steps that wait do so
        again, in the transaction itself: a signal meanwhile must find them waiting."""

        async def look(transaction: JobTransaction) -> tuple[list[str], list[str]]:
            execution = await self._hold.take(transaction, workflow_id)
            steps = _stopped(execution)
            definition = await self._progress.definition(execution, transaction)
            waits = {step.name for step in _waiting(definition, steps)}
            return steps, [step for step in steps if step not in waits]

        again, at_once = await self._hold.insist(look)
        await redrive([rows.step_id(workflow_id, step) for step in at_once])

        async def work(transaction: JobTransaction) -> list[NewJob]:
            execution = await self._hold.take(transaction, workflow_id)
            if execution.status in (graph.RUNNING, graph.COMPLETED):
                return []  # a step that was queued again has ended already
            steps = _stopped(execution)
            definition = await self._progress.definition(execution, transaction)
            if definition is None:
                raise Conflict("the workflow was never begun: it has no definition")
            waits = [rows.wait_again(workflow_id, step, execution.signals) for step in _waiting(definition, steps)]
            if waits:
                await transaction.run(self._progress.statement("wait_again"), waits)
            ids = [(rows.step_id(workflow_id, step),) for step in steps]
            there = {row[0] for row in await transaction.run(self._progress.statement("outcomes"), ids)}
            decision = graph.resume(definition, execution.progress)
            context = execution.context or "{}"
            lost = [step for step in steps if rows.step_id(workflow_id, step) not in there]
            begun = [definition.by_name[step] for step in steps if step in definition.by_name]
            await self._progress.write_steps(transaction, [rows.begun(workflow_id, step, context) for step in begun])
            jobs = [
                rows.job(definition, definition.by_name[step], workflow_id, context, signals=execution.signals)
                for step in lost
                if step in definition.by_name
            ]
            await self._hold.enqueue(transaction, jobs)
            return jobs + await self._hold.go_on(transaction, execution, definition, decision, context)

        await self._hold.wake(await self._hold.insist(work))
        if len(at_once) < len(again):
            await self._hold.wake_timers()
        return again

    async def signal(self, workflow_id: str, name: str, payload: str) -> list[str]:
        """Keep a signal (`payload` is JSON text), and let the steps that wait for it go on; answers their names."""

        async def work(transaction: JobTransaction) -> list[str]:
            execution = await self._hold.take(transaction, workflow_id)
            definition = await self._progress.definition(execution, transaction)
            waiting = [step.name for step in definition.steps if step.wait_for == name] if definition else []
            if not waiting:
                raise NotFound(f"no step of this workflow waits for a signal {name!r}")
            if execution.status not in (graph.RUNNING, graph.FAILED):
                raise Conflict(f"the workflow is {execution.status}")
            if all(execution.progress.get(step) in graph.ENDED for step in waiting):
                raise Conflict(f"nothing waits for a signal {name!r} any more")
            now = [step for step in waiting if execution.progress.get(step) == graph.WAITING]
            await transaction.run(
                self._progress.statement("hurry"), [(rows.step_id(workflow_id, step),) for step in now]
            )
            signals = {**execution.signals, name: msgspec.Raw(payload)}
            decision = Decision(execution.status, execution.progress)
            await self._hold.seal(transaction, execution, decision, signals=signals)
            return now

        now = await self._hold.insist(work)
        if now:
            await self._hold.wake_timers()
        return now

    async def mend(self, workflow_id: str) -> int:
        """Enqueue the jobs of open steps that are not there, and begin what may begin; answers how many."""

        async def work(transaction: JobTransaction) -> list[NewJob]:
            execution = await self._hold.take(transaction, workflow_id)
            definition = await self._progress.definition(execution, transaction)
            if definition is None or execution.status != graph.RUNNING:
                return []
            open_steps = [step for step, state in execution.progress.items() if state in graph.OPEN]
            ids = [(rows.step_id(workflow_id, step),) for step in open_steps]
            there = {row[0] for row in await transaction.run(self._progress.statement("outcomes"), ids)}
            context = execution.context or "{}"
            jobs = [
                rows.job(definition, definition.by_name[step], workflow_id, context, signals=execution.signals)
                for step in open_steps
                if rows.step_id(workflow_id, step) not in there and step in definition.by_name
            ]
            await self._hold.enqueue(transaction, jobs)
            decision = graph.complete(definition, execution.status, execution.progress, ())
            return jobs + await self._hold.go_on(transaction, execution, definition, decision, context)

        jobs = await self._hold.insist(work)
        await self._hold.wake(jobs)
        return len(jobs)


def _stopped(execution: Execution) -> list[str]:
    """The steps that a resumption begins with. Raises Conflict where there is nothing to resume."""
    if execution.status not in (graph.FAILED, graph.CANCELLED):
        raise Conflict(f"only failed and cancelled workflows are resumed; this one is {execution.status}")
    return [step for step, state in execution.progress.items() if state in (graph.FAILED, graph.CANCELLED)]


def _waiting(definition: Definition | None, steps: Sequence[str]) -> list[Step]:
    """Those of these steps that wait for a signal or a time."""
    found = [definition.by_name[step] for step in steps if step in definition.by_name] if definition is not None else []
    return [step for step in found if step.wait_for is not None or step.delay is not None or step.until is not None]


def _ended(workflow_id: str, step: str, status: str, error: str | None) -> rows.StepRow:
    return rows.step_id(workflow_id, step), workflow_id, step, status, None, None, error, None

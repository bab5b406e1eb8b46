"""One execution under its lock, for a change to it: taken, sealed by its version, and the workers woken after it.

Invariant: what is not sealed leaves nothing. A change that another one was quicker than is made again, on what is there
by then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from hub.errors import NotFound, TransactionConflict
from hub.model import NewJob
from hub.ports import Database, JobTransaction
from hub.queue.arrival import TIMES, Arrival, Told
from hub.queue.store import Store
from hub.workflows import graph, rows
from hub.workflows.definition import Definition
from hub.workflows.graph import Decision
from hub.workflows.progress import Execution, Progress

_TRIES = 5
_encode = msgspec.json.Encoder().encode

T = TypeVar("T")


class Hold:
    """See the module. A change is a function that `insist` gives a transaction: in it, it takes the execution, writes
    what it means for the steps and their jobs, and seals it; unsealed, it is undone."""

    def __init__(self, database: Database, store: Store, progress: Progress, arrived: Told) -> None:
        self._database = database
        self._store = store
        self._progress = progress
        self._arrived = arrived

    async def insist(self, work: Callable[[JobTransaction], Awaitable[T]]) -> T:
        """Do it in a transaction, which it commits or leaves to be undone; again if the database asks for it."""
        tries = _TRIES
        while True:
            transaction = self._database.begin_job("a change to a workflow")
            try:
                return await work(transaction)
            except TransactionConflict:
                tries -= 1
                if not tries:
                    raise
            finally:
                await transaction.rollback()

    async def take(self, transaction: JobTransaction, workflow_id: str) -> Execution:
        """The execution, locked until the transaction ends. Raises NotFound."""
        found = await self._progress.lock(transaction, [workflow_id])
        if not found:
            raise NotFound(f"there is no workflow {workflow_id!r}")
        return found[0]

    async def enqueue(self, transaction: JobTransaction, jobs: Sequence[NewJob]) -> None:
        if jobs:
            await self._store.enqueue_in(transaction, jobs)

    async def go_on(
        self,
        transaction: JobTransaction,
        execution: Execution,
        definition: Definition,
        decision: Decision,
        context: str,
    ) -> list[NewJob]:
        """Begin the steps of a decision, and seal it."""
        id, signals = execution.workflow_id, execution.signals
        await self._progress.write_steps(transaction, [rows.begun(id, step, context) for step in decision.ready])
        jobs = [rows.job(definition, step, id, context, signals=signals) for step in decision.ready]
        await self.enqueue(transaction, jobs)
        await self.seal(transaction, execution, decision, context=context, definition=definition)
        return jobs

    async def seal(
        self,
        transaction: JobTransaction,
        execution: Execution,
        decision: Decision,
        *,
        context: str | None = None,
        signals: Mapping[str, msgspec.Raw] | None = None,
        error: str | None = None,
        definition: Definition | None = None,
    ) -> None:
        """Write what has become of the execution and commit; what is None stays as it was."""
        await self.commit(
            transaction,
            execution.workflow_id,
            execution.version,
            decision.status,
            execution.context if context is None else context,
            _encode(decision.progress).decode(),
            _encode(execution.signals if signals is None else signals).decode(),
            error,
            definition if execution.digest is None else None,
        )

    async def commit(
        self,
        transaction: JobTransaction,
        workflow_id: str,
        version: int,
        status: str,
        context: str | None,
        progress: str,
        signals: str = "{}",
        error: str | None = None,
        definition: Definition | None = None,
    ) -> None:
        """`seal` by columns, for an execution that is made, not read. Raises TransactionConflict if its version is
        another."""
        kept = (definition.json, definition.digest) if definition is not None else (None, None)
        row = (workflow_id, version, status, context, progress, signals, error, status in graph.ENDED, *kept)
        if not await transaction.commit_with(self._progress.statement("seal"), row):
            raise TransactionConflict(f"workflow {workflow_id} was changed meanwhile")

    async def wake(self, jobs: Sequence[NewJob]) -> None:
        if jobs:
            await self._tell(Arrival.of(jobs))

    async def wake_timers(self) -> None:
        """Have it looked at once what is due: the time of a job that waits was changed."""
        await self._tell(TIMES)

    async def _tell(self, arrival: Arrival) -> None:
        self._arrived(arrival)
        await self._store.notify(arrival)

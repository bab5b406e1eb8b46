"""The one commit of several jobs: their effects, what they send, and all their completions.

Invariant: it stands only if every fence held; else nothing of it does, and each job is run by itself. How a job that is
not completed ended is written once the others' commit stands: it may have failed because of what they did.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from hub.errors import DatabaseUnavailable, HandlerEndedTransaction, HubError
from hub.handlers.registry import Entry
from hub.model import Settlement
from hub.ports import JobTransaction
from hub.queue.arrival import Arrival
from hub.queue.attempt import Attempt
from hub.queue.ending import Recorded, describe
from hub.queue.executor import Executor
from hub.queue.flushes import Ended
from hub.queue.settler import Settler
from hub.queue.store import Store
from hub.transitions import Failed

_log = logging.getLogger("hub.queue")

OtherEnd = tuple[Attempt, Recorded]


class Joint:
    """`commit`: the end of a transaction in which several jobs of one handler ran."""

    def __init__(self, executor: Executor, store: Store, settler: Settler) -> None:
        self._executor = executor
        self._store = store
        self._settler = settler

    async def commit(
        self, entry: Entry, transaction: JobTransaction, completed: Sequence[Ended], others: Sequence[OtherEnd]
    ) -> bool:
        """Commit `completed` and then settle `others`; False if nothing was written, and each is to run by itself."""
        if not completed:
            await transaction.rollback()
            self._settle(entry, others)
            return True
        outbound = [job for attempt, _ in completed for job in attempt.outbound or ()]
        try:
            if transaction.violation is not None:
                raise transaction.violation
            if outbound:
                await self._store.enqueue_in(transaction, outbound)
            if not await self._complete(transaction, [settlement for _, settlement in completed]):
                return False
        except DatabaseUnavailable as error:
            # As for a single job: giving them back is behind their fences, and writes nothing if the commit happened.
            _log.warning(
                "%d jobs of %s: the answer to their COMMIT was lost (%s); their fences decide",
                *(len(completed), entry.name, error),
            )
            await transaction.rollback()
            self._settle(entry, [(attempt, self._executor.endings.later()) for attempt, _ in [*completed, *others]])
            return True
        except HandlerEndedTransaction as error:
            await transaction.rollback()
            self.refuse(entry, [attempt for attempt, _ in completed], error)
            self._settle(entry, others)
            return True
        except HubError as error:
            _log.info("%d jobs of %s run one by one: %s", len(completed), entry.name, error)
            await transaction.rollback()
            return False
        for attempt, _ in completed:
            attempt.final = True
        self._settler.committed_together(completed, Arrival.of(outbound))
        self._settle(entry, others)
        return True

    async def _complete(self, transaction: JobTransaction, settlements: Sequence[Settlement]) -> bool:
        if len(settlements) == 1:  # in fewer trips
            return await self._store.complete_in(transaction, settlements[0])
        return await self._store.complete_all_in(transaction, settlements)

    def refuse(self, entry: Entry, attempts: Sequence[Attempt], error: HandlerEndedTransaction) -> None:
        """The handler ended the transaction itself. What these jobs did may stand, and must not be done again."""
        self._settle(entry, [(attempt, Failed(describe(error), permanent=True)) for attempt in attempts])

    def _settle(self, entry: Entry, ends: Sequence[OtherEnd]) -> None:
        for attempt, outcome in ends:
            self._executor.end(attempt, outcome, entry)

"""`Job`: what an async handler sees of its job, and what it can do.

Invariant: everything a job leaves behind (its own SQL, children, messages) is written in the job's transaction and
commits with its completion, or not at all. The one exception is `step`, whose result is remembered at once.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Unpack

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.handlers import outgoing
from hub.handlers.children import READ, Child, child_of
from hub.handlers.outgoing import Options
from hub.handlers.view import JobView
from hub.model import NewJob


class Job(JobView):
    """One attempt at a job. Made by the hub, valid until the handler returns."""

    __slots__ = ()

    @property
    def db(self) -> AsyncConnection:
        """A connection in the job's own transaction, which its first use opens and which the hub alone ends.

        Use `begin_nested()` to survive an error; commit and rollback raise HandlerEndedTransaction.
        """
        return self._attempt.transaction.connection

    async def driver(self) -> Any:
        """The database driver's own connection (asyncpg, the hub's own for SQLite) of the same transaction."""
        return await self._attempt.transaction.driver()

    async def step(self, name: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call `function` once and remember its result, so that a later attempt gets the result without the call.

        For calls to the outside, before `job.db` is used (StepInsideTransaction after it). The result must be fit
        for JSON. A function that is not async runs in a thread. `name` is unique within the job: Permanent for one that
        is under way.
        """

        async def call() -> Any:
            if inspect.iscoroutinefunction(function):
                return await function(*args, **kwargs)
            result = await asyncio.to_thread(function, *args, **kwargs)
            return await result if inspect.isawaitable(result) else result

        return await self._attempt.step(name, call)

    async def progress(self, share: float, note: str | None = None) -> None:
        """Say how far the job is, from 0 to 1; it is seen with the next heartbeat."""
        self._attempt.progress(min(1.0, max(0.0, share)), note)

    def insert(self, row: NewJob) -> None:
        """A row as it stands, in the job's transaction: for the hub's own handlers; others have `enqueue`."""
        self._attempt.enqueue(row)

    async def publish(
        self,
        to: str,
        topic: str,
        payload: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        **options: Unpack[Options],
    ) -> str:
        """Send `payload` to `topic` of the adapter or destination `to`, once this job has committed.

        Answers the id of the outbound row. `key` travels along (Kafka's key, say) and keeps such messages in order.
        """
        row = outgoing.publication(self._claim, self._clock.new_id(), to, topic, payload, headers, options)
        self._attempt.enqueue(row)
        return row.id

    async def enqueue(
        self,
        handler: str,
        payload: Any = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        **options: Unpack[Options],
    ) -> str:
        """Enqueue a job for `handler`, to run once this one has committed; it has this one as its parent.

        Answers the id of its row.
        """
        row = outgoing.child(self._claim, self._clock.new_id(), handler, payload, metadata, options)
        self._attempt.enqueue(row)
        return row.id

    async def enqueue_many(self, handler: str, payloads: Iterable[Any], **options: Unpack[Options]) -> list[str]:
        """As `enqueue`, a child for each payload; answers their ids in that order."""
        return [await self.enqueue(handler, payload, **options) for payload in payloads]

    async def after_children(
        self,
        handler: str,
        payload: Any = None,
        *,
        on_failure: Literal["continue", "fail"] = "continue",
        metadata: Mapping[str, Any] | None = None,
        **options: Unpack[Options],
    ) -> str:
        """Enqueue a job that runs once, when all children of this one have ended; at once if there are none.

        `on_failure`: whether it runs too when one of them has failed or was cancelled, or is Failed itself then. What
        they returned it reads by `children()`. Children of children, and messages, are not waited for. Answers its id.
        """
        row = outgoing.continuation(self._claim, self._clock.new_id(), handler, payload, metadata, on_failure, options)
        self._attempt.enqueue(row)
        return row.id

    async def children(self) -> list[Child]:
        """For a job made by `after_children`: the children that it waited for."""
        answer = await self.db.execute(READ, {"parent": self._claim.parentjobid})
        return [child_of(row) for row in answer]

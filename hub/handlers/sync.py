"""`SyncJob`: what a handler that is not async sees of its job; it runs in a thread.

Invariant: nothing here touches the executor or a connection from the thread: every call goes over the attempt's bridge
to the event loop, in order, and has arrived there before the handler's own end does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NoReturn, Unpack

from sqlalchemy import Connection
from sqlalchemy.exc import ResourceClosedError

from hub.errors import Permanent
from hub.handlers import outgoing
from hub.handlers.children import READ, Child, child_of
from hub.handlers.outgoing import Options
from hub.handlers.threads import Bridge, run
from hub.handlers.view import JobView


class NotInThread(Permanent):
    """A handler that is not async asked for what only an async one can have."""

    code = "not-in-thread"


class SyncJob(JobView):
    """One attempt at a job, for a handler in a thread. Made by the hub, valid until the handler returns.

    Cancelling the job, its time-out or the hub's shutdown ends the attempt; the thread itself cannot be stopped. What
    it calls here afterwards, on `db` too, raises AttemptEnded or ResourceClosedError: `ended` lets it stop by itself.
    """

    __slots__ = ("_bridge", "_db")

    def __init__(self, job: JobView, bridge: Bridge) -> None:
        super().__init__(job._claim, job._attempt, job._clock)
        self._bridge = bridge
        self._db: Connection | None = None

    @property
    def ended(self) -> bool:
        """Whether the attempt is over while the handler still runs: long work asks now and then, and returns."""
        return self._bridge.ended

    @property
    def db(self) -> Connection:
        """A connection in the job's own transaction, which its first use opens and which the hub alone ends.

        For the handler's own thread. `Session(bind=job.db)` joins by a savepoint. Use `begin_nested()` to survive an
        error; commit and rollback raise HandlerEndedTransaction.
        """
        if self._db is None:
            self._db = self._bridge.wait(self._connection())
        return self._db

    def driver(self) -> NoReturn:
        """Raises NotInThread: the driver's own connection is async."""
        raise NotInThread(f"job.driver is async, and {self.handler} runs in a thread: use job.db, or `async def`")

    def step(self, name: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """As `Job.step`; the function runs in a thread of its own, or on the event loop if it is async."""

        async def call() -> Any:
            if inspect.iscoroutinefunction(function):
                return await function(*args, **kwargs)
            return await run(lambda _: function(*args, **kwargs), f"{self.handler}, step {name}")

        return self._bridge.wait(self._attempt.step(name, call))

    def progress(self, share: float, note: str | None = None) -> None:
        """As `Job.progress`."""
        self._bridge.tell(self._attempt.progress, min(1.0, max(0.0, share)), note)

    def publish(
        self,
        to: str,
        topic: str,
        payload: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        **options: Unpack[Options],
    ) -> str:
        """As `Job.publish`."""
        row = outgoing.publication(self._claim, self._clock.new_id(), to, topic, payload, headers, options)
        self._bridge.tell(self._attempt.enqueue, row)
        return row.id

    def enqueue(
        self,
        handler: str,
        payload: Any = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        **options: Unpack[Options],
    ) -> str:
        """As `Job.enqueue`."""
        row = outgoing.child(self._claim, self._clock.new_id(), handler, payload, metadata, options)
        self._bridge.tell(self._attempt.enqueue, row)
        return row.id

    def enqueue_many(self, handler: str, payloads: Iterable[Any], **options: Unpack[Options]) -> list[str]:
        """As `Job.enqueue_many`."""
        return [self.enqueue(handler, payload, **options) for payload in payloads]

    def after_children(
        self,
        handler: str,
        payload: Any = None,
        *,
        on_failure: Literal["continue", "fail"] = "continue",
        metadata: Mapping[str, Any] | None = None,
        **options: Unpack[Options],
    ) -> str:
        """As `Job.after_children`."""
        row = outgoing.continuation(self._claim, self._clock.new_id(), handler, payload, metadata, on_failure, options)
        self._bridge.tell(self._attempt.enqueue, row)
        return row.id

    def children(self) -> list[Child]:
        """As `Job.children`."""
        return [child_of(row) for row in self.db.execute(READ, {"parent": self._claim.parentjobid})]

    async def _connection(self) -> Connection:
        # On the event loop, as an attempt makes its transaction when it is first asked for.
        connection = self._attempt.transaction.connection.sync_connection
        if connection is None:
            raise ResourceClosedError("the job has ended, and job.db with it")
        return connection

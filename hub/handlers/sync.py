"""`SyncJob`: what a handler that is not async sees of its job; it runs in a thread.

Invariant: nothing here touches the executor from the thread: every call is handed to the event loop, in order, and has
arrived there before the handler's own end does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Unpack

from hub.errors import Permanent
from hub.handlers import outgoing
from hub.handlers.outgoing import Options
from hub.handlers.view import JobView


class NotInThread(Permanent):
    """A handler that is not async asked for what only an async one can have."""

    code = "not-in-thread"


class SyncJob(JobView):
    """One attempt at a job, for a handler in a thread. No transaction: `db`, `driver` and `step` raise NotInThread.

    Cancelling the job, or its time-out, ends the attempt; the thread itself cannot be stopped and runs to its end,
    unheard.
    """

    __slots__ = ("_loop",)

    def __init__(self, job: JobView, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(job._claim, job._attempt, job._clock)
        self._loop = loop

    @property
    def db(self) -> NoReturn:
        self._refuse("job.db")

    def driver(self) -> NoReturn:
        self._refuse("job.driver")

    def step(self, name: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse("job.step")

    def progress(self, share: float, note: str | None = None) -> None:
        """As `Job.progress`."""
        self._loop.call_soon_threadsafe(self._attempt.progress, min(1.0, max(0.0, share)), note)

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
        self._loop.call_soon_threadsafe(self._attempt.enqueue, row)
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
        self._loop.call_soon_threadsafe(self._attempt.enqueue, row)
        return row.id

    def _refuse(self, what: str) -> NoReturn:
        raise NotInThread(f"{what} is not there in {self.handler}, which runs in a thread: declare it `async def`")

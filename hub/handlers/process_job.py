"""`ProcessJob`: what a handler of the process pool sees of its job.

Invariant: it holds the claimed row and a way to tell the parent something; there is no database in a child.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Unpack, cast

from hub.clock import SystemClock
from hub.handlers import outgoing
from hub.handlers.outgoing import Options
from hub.handlers.pool_frames import Enqueued, Progressed
from hub.handlers.view import JobView
from hub.model import Claim
from hub.ports import Attempt

_clock = SystemClock()


class ProcessJob(JobView):
    """One attempt at a job, for a handler in a process of its own. There is no `db` and no `step`.

    Its time-out, its cancellation and the hub's shutdown kill the process.
    """

    __slots__ = ("_say",)

    def __init__(self, claim: Claim, say: Callable[[Progressed | Enqueued], None]) -> None:
        super().__init__(claim, cast(Attempt, None), _clock)  # the attempt is the parent's
        self._say = say

    def progress(self, share: float, note: str | None = None) -> None:
        """As `Job.progress`."""
        self._say(Progressed(min(1.0, max(0.0, share)), note))

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
        self._say(Enqueued(row))
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
        self._say(Enqueued(row))
        return row.id

"""What a handler's `Job` asks of the queue, and what the store asks of a registry of handlers.

Invariant: values and Protocols only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from hub.model import NewJob
from hub.ports.database import JobScope


class Attempt(Protocol):
    """What a handler's Job asks of the executor that runs it."""

    @property
    def transaction(self) -> JobScope: ...

    def enqueue(self, job: NewJob) -> None:
        """Remember a row to be inserted in the job's transaction when it finishes."""
        ...

    async def step(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """The remembered result of the step, or that of `call`, remembered behind the fence."""
        ...

    def progress(self, share: float, note: str | None) -> None:
        """Say how far the job is (0 to 1); written with the next heartbeat."""
        ...


class Defaults(Protocol):
    """What a registry of handlers tells the store about names it knows."""

    def queues(self) -> Mapping[str, str]:
        """Handler → its queue, for rows that name none."""
        ...

    def max_retries(self) -> Mapping[str, int]:
        """Handler → its retries, for rows that name none."""
        ...

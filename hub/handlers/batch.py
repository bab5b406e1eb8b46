"""`Batch`: what a handler sees that takes many jobs at once, and how it says what becomes of each.

Invariant: one transaction for all of them. A job that was failed by `fail` is settled apart from the others, which
commit; a payload that cannot be decoded never gets here.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import Permanent, Retry
from hub.handlers.job import Job
from hub.handlers.payload import Decode

T = TypeVar("T")


class Batch(Generic[T]):
    """`jobs` and their `payloads`, in the order in which they are to be done; `for job, payload in batch` goes through
    both. Valid until the handler returns."""

    __slots__ = ("_failures", "jobs", "payloads")

    def __init__(self, jobs: Sequence[Job], payloads: Sequence[T]) -> None:
        self.jobs = jobs
        self.payloads = payloads
        self._failures: dict[str, BaseException] = {}

    def __len__(self) -> int:
        return len(self.jobs)

    def __iter__(self) -> Iterator[tuple[Job, T]]:
        return zip(self.jobs, self.payloads, strict=True)

    @property
    def db(self) -> AsyncConnection:
        """A connection in the transaction of the whole batch, as `Job.db` is in that of a job."""
        return self.jobs[0].db

    async def driver(self) -> Any:
        """The database driver's own connection of the same transaction."""
        return await self.jobs[0].driver()

    def fail(self, job: Job, error: BaseException | str) -> None:
        """This job ends as if its handler had raised `error` (Permanent, Cancel and Snooze mean what they say there);
        a text counts as a failure that may be tried again.

        What the handler wrote for it is not undone, as all share one transaction: write nothing for it, or write under
        `batch.db.begin_nested()`. When every job is failed, nothing is kept.
        """
        self._failures[job.id] = Retry(error) if isinstance(error, str) else error

    def retry(self, job: Job, message: str = "asked to be retried", *, delay: float | None = None) -> None:
        """This job is tried again, after `delay` seconds or as its rules say; as `fail` otherwise."""
        self._failures[job.id] = Retry(message, delay=delay)

    @property
    def failures(self) -> Mapping[str, BaseException]:
        """What was failed so far: job's id → why."""
        return self._failures


@dataclass(frozen=True, slots=True)
class BatchCall:
    """A batch handler as the executor uses it: at most `size` jobs a call."""

    size: int
    decode: Decode
    function: Callable[[Batch[Any]], Coroutine[Any, Any, Any]]

    async def alone(self, job: Job) -> Any:
        """One job as a batch of its own: its result, or the error it was failed by."""
        batch = Batch([job], [self.decode(job._claim)])
        [result] = results(batch, await self.function(batch))
        for error in batch.failures.values():
            raise error
        return result


def results(batch: Batch[Any], value: Any) -> Sequence[Any]:
    """The result of each job, from what the handler returned: None, or a list. Raises Permanent for anything else."""
    if value is None:
        return [None] * len(batch)
    if isinstance(value, list | tuple) and len(value) == len(batch):
        return value
    told = f"{len(value)} results" if isinstance(value, list | tuple) else f"a {type(value).__name__}"
    raise Permanent(f"a batch handler returns nothing, or a list with a result for each job: got {told}")

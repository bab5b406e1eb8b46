"""The `system.*` handlers: health, retention, second chances, and what becomes of jobs that nobody else takes.

Invariant: they work through `Maintenance` in batches that are small, so that no statement holds a lock or a writer for
long; what one run leaves, the next one takes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Protocol

import msgspec

from hub.errors import Permanent
from hub.handlers.job import Job
from hub.handlers.mark import handler
from hub.telemetry import get_logger

_log = get_logger("hub.system")


class Maintenance(Protocol):
    """What these handlers ask of the store. Each call is one short transaction and answers how many rows it changed."""

    async def delete_histories(self, older_than_days: float, limit: int) -> int:
        """Delete up to `limit` histories that began more than so many days ago."""
        ...

    async def delete_jobs(self, older_than_days: float, limit: int) -> int:
        """Delete up to `limit` jobs Completed or Cancelled more than so many days ago; Failed ones stay."""
        ...

    async def retry_failed(self, limit: int) -> int:
        """Queue again up to `limit` jobs that Failed for a passing reason and have retries left."""
        ...

    async def release_dedupe(self, limit: int) -> int:
        """Forget up to `limit` dedupe keys that are older than they are kept."""
        ...

    async def health(self) -> dict[str, Any]:
        """The state of the hub's parts, with `status` among them: 'ok' or what is wrong, in a word."""
        ...


class Retention(msgspec.Struct, frozen=True):
    """Days that finished jobs and histories are kept. A job's payload may say its own: `{"histories": 30}`."""

    histories: Annotated[float, msgspec.Meta(gt=0)] = 90.0
    jobs: Annotated[float, msgspec.Meta(gt=0)] = 90.0


class RetentionPayload(msgspec.Struct, frozen=True):
    histories: Annotated[float, msgspec.Meta(gt=0)] | None = None
    jobs: Annotated[float, msgspec.Meta(gt=0)] | None = None


def handlers(
    maintenance: Maintenance, retention: Retention | None = None, *, batch: int = 500, retries_a_run: int = 10_000
) -> list[Callable[..., Any]]:
    """The handlers, bound to a store: `registry.add(*system.handlers(maintenance))`."""
    standard = retention if retention is not None else Retention()

    @handler("system.health.check", timeout=60)
    async def health_check() -> dict[str, Any]:
        """Answer the state of the hub's parts; what is not well goes to the log too."""
        state = await maintenance.health()
        if state.get("status") != "ok":
            _log.warning("the hub is not well", health=state)
        return state

    @handler("system.cleanup.histories", timeout=3600)
    async def cleanup_histories(payload: RetentionPayload | None, job: Job) -> dict[str, int]:
        """What every hub runs at night: `system.cleanup.monthly`, and dedupe keys past their retention."""
        deleted = await delete(payload, job)
        keys = await _in_batches(job, "dedupe keys", lambda: maintenance.release_dedupe(batch), batch)
        return {**deleted, "dedupe_keys": keys}

    @handler("system.cleanup.monthly", timeout=3600)
    async def cleanup_monthly(payload: RetentionPayload | None, job: Job) -> dict[str, int]:
        """Delete histories and finished jobs past their retention."""
        return await delete(payload, job)

    async def delete(payload: RetentionPayload | None, job: Job) -> dict[str, int]:
        days = _days(payload.histories if payload else None, standard.histories)
        histories = await _in_batches(job, "histories", lambda: maintenance.delete_histories(days, batch), batch)
        days_of_jobs = _days(payload.jobs if payload else None, standard.jobs)
        jobs = await _in_batches(job, "jobs", lambda: maintenance.delete_jobs(days_of_jobs, batch), batch)
        return {"histories": histories, "jobs": jobs}

    @handler("system.retry.failed", timeout=600)
    async def retry_failed(job: Job) -> dict[str, int]:
        """Queue failed jobs again, as long as their failure was a passing one and retries are left."""
        # Bounded: what fails again at once would otherwise be queued again within the same run.
        rounds = max(1, retries_a_run // batch)
        return {"retried": await _in_batches(job, "jobs", lambda: maintenance.retry_failed(batch), batch, rounds)}

    return [health_check, cleanup_histories, cleanup_monthly, retry_failed, record, unrouted]


@handler("system.record")
async def record(payload: Any, job: Job) -> Any:
    """Keep the payload as the result: the handler of jobs for which nobody named one."""
    _log.info("no handler was named, keeping the payload as the result", job=job.id)
    return payload.decode(errors="replace") if isinstance(payload, bytes) else payload


@handler("system.unrouted")
async def unrouted(job: Job) -> None:
    """Refuse a message that no route took, when its row is run again: it needs a route first."""
    adapter = job.metadata.get("adapter") or "an adapter"
    raise Permanent(f"no route takes messages of {adapter} with topic {job.topic!r}: add one, then redrive this job")


def _days(own: float | None, standard: float) -> float:
    return standard if own is None else own


async def _in_batches(
    job: Job, what: str, one: Callable[[], Awaitable[int]], batch: int, rounds: int | None = None
) -> int:
    """Call `one` until it changes fewer rows than a batch, at most `rounds` times; answers how many it changed."""
    total = done = 0
    while rounds is None or done < rounds:
        changed = await one()
        total += changed
        done += 1
        await job.progress(done / (done + 1), f"{total} {what}")
        if changed < batch:
            break
    return total

"""Jobs from an application that runs no hub: rows in its own transaction, by its own SQLAlchemy connection or session.

Invariant: nothing is opened, kept or committed here. A row is there when the application's transaction commits, and not
otherwise; workers hear of it from PostgreSQL at once, and find it on the other databases within `jobs.poll_interval`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Unpack

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_scoped_session

from hub.clock import SystemClock
from hub.handlers.outgoing import Options, request
from hub.model import NewJob
from hub.queue.application import SyncConnection, enqueue_in, insert_in

__all__ = ["Options", "enqueue", "enqueue_async", "enqueue_many", "enqueue_many_async"]

_clock = SystemClock()


def enqueue(
    connection: SyncConnection,
    handler: str,
    payload: Any = None,
    *,
    metadata: Mapping[str, Any] | None = None,
    **options: Unpack[Options],
) -> str:
    """Add one job to the caller's transaction and answer its id; options as for `Hub.enqueue`.

    Raises Permanent for options that make no sense, Rejected for a database that cannot hold the hub's tables, and
    SQLAlchemy's IntegrityError for a `dedupe` or `unique` key that is taken: within `begin_nested()` the rest of the
    transaction survives that.
    """
    job = request(_clock.new_id(), handler, payload, metadata, options)
    insert_in(connection, [job], None)
    return job.id


def enqueue_many(
    connection: SyncConnection, handler: str, payloads: Iterable[Any], **options: Unpack[Options]
) -> list[str]:
    """As `enqueue`, a job for each payload, in one statement; answers their ids in that order."""
    jobs = _jobs(handler, payloads, options)
    insert_in(connection, jobs, None)
    return [job.id for job in jobs]


async def enqueue_async(
    connection: AsyncConnection | AsyncSession | async_scoped_session[AsyncSession],
    handler: str,
    payload: Any = None,
    *,
    metadata: Mapping[str, Any] | None = None,
    **options: Unpack[Options],
) -> str:
    """As `enqueue`, for an async connection or session."""
    job = request(_clock.new_id(), handler, payload, metadata, options)
    await enqueue_in(connection, [job], None)
    return job.id


async def enqueue_many_async(
    connection: AsyncConnection | AsyncSession | async_scoped_session[AsyncSession],
    handler: str,
    payloads: Iterable[Any],
    **options: Unpack[Options],
) -> list[str]:
    """As `enqueue_many`, for an async connection or session."""
    jobs = _jobs(handler, payloads, options)
    await enqueue_in(connection, jobs, None)
    return [job.id for job in jobs]


def _jobs(handler: str, payloads: Iterable[Any], options: Options) -> list[NewJob]:
    return [request(_clock.new_id(), handler, payload, None, options) for payload in payloads]

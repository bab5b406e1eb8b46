"""The table of the examples, and a middleware that makes it when it is missing.

Invariant: the table is asked for until one transaction has found it there, made by a commit that came before; after
that a job pays one look into a set. A real application would bring its tables by its own migrations.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakSet

from sqlalchemy import Column, Connection, DateTime, Float, MetaData, String, Table, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from hub import Job

metadata = MetaData()

orders = Table(
    "orders",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("total", Float),
    Column("customer", String(255)),
    Column("jobid", String(255), nullable=False),
    Column("placedat", DateTime(timezone=True), nullable=False, index=True),
)

# Two jobs that find the table missing at the same moment would otherwise both create it, and one of them fail.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('hub.examples'))")

_found: WeakSet[AsyncEngine] = WeakSet()


async def with_orders(job: Job, next: Callable[[Job], Awaitable[Any]]) -> Any:
    """Middleware: the handler behind it finds the table `orders`."""
    if job.db.engine not in _found:
        await _find_or_make(job)
    return await next(job)


async def _find_or_make(job: Job) -> None:
    if await job.db.run_sync(_is_there):
        _found.add(job.db.engine)
        return
    if job.db.dialect.name in ("mysql", "mariadb"):
        # There CREATE TABLE commits whatever transaction it is in, so it gets one of its own.
        async with job.db.engine.begin() as apart:
            await apart.run_sync(metadata.create_all)
        return
    if job.db.dialect.name == "postgresql":
        await job.db.execute(_ONE_AT_A_TIME)
    # In the job's own transaction: if the job fails, the table goes with it, and the next job makes it.
    await job.db.run_sync(metadata.create_all)


def _is_there(connection: Connection) -> bool:
    return inspect(connection).has_table(orders.name)

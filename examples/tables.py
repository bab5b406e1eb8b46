"""The tables of the examples, and how they are made when they are missing.

Invariant: a table is asked for until one transaction has found it there, made by a commit that came before; after
that a job pays one look into a set. A real application would bring its tables by its own migrations.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Column, Connection, DateTime, Float, Integer, MetaData, String, Table, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

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

readings = Table(
    "readings",
    metadata,
    Column("jobid", String(255), primary_key=True),
    Column("sensor", String(64), nullable=False),
    Column("celsius", Float, nullable=False),
    Column("takenat", DateTime(timezone=True), nullable=False),
)

counts = Table(
    "readings_counted",
    metadata,
    Column("sensor", String(64), primary_key=True),
    Column("readings", Integer, nullable=False),
)

# Two jobs that find the table missing at the same moment would otherwise both create it, and one of them fail.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('hub.examples'))")

_found: WeakKeyDictionary[AsyncEngine, set[str]] = WeakKeyDictionary()


async def with_orders(job: Job, next: Callable[[Job], Awaitable[Any]]) -> Any:
    """Middleware: the handler behind it finds the table `orders`."""
    await have(job.db, orders)
    return await next(job)


async def have(connection: AsyncConnection, table: Table) -> None:
    """Make the table if it is missing; `connection` is that of a job or of a batch."""
    found = _found.setdefault(connection.engine, set())
    if table.name in found:
        return
    if connection.dialect.name in ("mysql", "mariadb"):
        # There CREATE TABLE commits whatever transaction it is in, so it gets one of its own. It would wait for the end
        # of the job's, if that had looked for the table.
        async with connection.engine.begin() as apart:
            await apart.run_sync(metadata.create_all, [table])
        found.add(table.name)
        return
    if await connection.run_sync(_is_there, table.name):
        found.add(table.name)
        return
    if connection.dialect.name == "postgresql":
        await connection.execute(_ONE_AT_A_TIME)
    # In the job's own transaction: if the job fails, the table goes with it, and the next job makes it.
    await connection.run_sync(metadata.create_all, [table])


def _is_there(connection: Connection, name: str) -> bool:
    return inspect(connection).has_table(name)

"""The tables of the workflow examples, made when they are missing.

Invariant: once one transaction has found them, made by a commit that came before, a job pays one look into a set. A
real application would bring its tables by its own migrations.
"""

from __future__ import annotations

from weakref import WeakSet

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from hub import Job

metadata = MetaData()

# Without unique keys of their own: what was done twice would be seen twice.
users = Table("signup_users", metadata, Column("user_id", String(64)), Column("email", String(255)))
organizations = Table(
    "signup_organizations", metadata, Column("organization_id", String(64)), Column("name", String(255))
)
subscriptions = Table(
    "signup_subscriptions", metadata, Column("organization_id", String(64)), Column("subscription_id", String(64))
)
test_orders = Table(
    "drug_test_orders", metadata, Column("order_id", String(64)), Column("employee_id", String(64)),
    Column("facility", String(64)),
)  # fmt: skip
notices = Table(
    "drug_test_notices", metadata, Column("order_id", String(64)), Column("recipient", String(64)),
    Column("receipt", String(64)),
)  # fmt: skip

# Two jobs that find them missing at the same moment would otherwise both create them, and one of them fail.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('hub.examples.workflows'))")

_found: WeakSet[AsyncEngine] = WeakSet()


async def make_tables(job: Job) -> None:
    """Called before a step's first SQL, and behind its calls to partners: `job.step` comes before `job.db`."""
    if job.db.engine in _found:
        return
    dialect = job.db.dialect.name
    if dialect in ("mysql", "mariadb"):
        # There CREATE TABLE commits whatever transaction it is in, so it gets one of its own.
        async with job.db.engine.begin() as apart:
            await apart.run_sync(metadata.create_all)
        _found.add(job.db.engine)
        return
    if await job.db.run_sync(_is_there):
        _found.add(job.db.engine)
        return
    if dialect == "postgresql":
        await job.db.execute(_ONE_AT_A_TIME)
    await job.db.run_sync(metadata.create_all)


def _is_there(connection: Connection) -> bool:
    return inspect(connection).has_table(notices.name)

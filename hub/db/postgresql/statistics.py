"""What the planner knows of the hub's tables, seen to while it knows nothing.

Invariant: a table of the hub that holds rows is analyzed within a poll interval, once; from then on autovacuum does it.

Before that the server takes a row of queue_jobs for wider than a page, as varchar(255) may be, and the whole table
for a single row, however large it grows: the ends of a batch are then written by walking all jobs (9.4k jobs/s, beside
23k with statistics, for the first 20,000 of a new database; the more rows, the worse). Autovacuum looks once a minute,
and not before 50,000 changes.
"""

from __future__ import annotations

import logging
from typing import Any

import asyncpg

_log = logging.getLogger("hub.db")

TABLES = (
    *("queue_jobs", "job_histories", "job_steps", "jobs", "job_plans", "job_limits"),
    *("workflow_executions", "workflow_steps", "adapter_cursors"),
)
# Smaller than ten pages the server takes any table for ten, and no plan is bad. Somebody else's table stays theirs.
_UNKNOWN = """
SELECT oid::regclass::text FROM pg_class
WHERE relname = ANY($1::text[]) AND relkind = 'r' AND pg_table_is_visible(oid) AND reltuples <= 0
  AND pg_relation_size(oid) >= 10 * current_setting('block_size')::int AND pg_has_role(relowner, 'USAGE')
"""


async def gather(connection: asyncpg.Connection[Any]) -> list[str]:
    """Analyze the tables of which nothing is known; answers their names. Raises the driver's errors."""
    names = [row[0] for row in await connection.fetch(_UNKNOWN, TABLES)]
    for name in names:
        # From the catalog, quoted by the server. One that is being vacuumed, or analyzed by another hub, can wait.
        await connection.execute(f"ANALYZE (SKIP_LOCKED) {name}")
        _log.debug("%s: first statistics", name)
    return names

"""How the databases run the statements: by the indexes that were made for them, whatever the table holds.

PostgreSQL is asked with 10⁵ waiting and 10⁵ finished rows, for a plan of this call's values and for the generic one
that a prepared statement ends with; SQLite needs no rows, as it plans without statistics.
"""

import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from hub.db.postgresql.connections import connect, connect_arguments
from hub.db.settings import DatabaseSettings
from hub.db.statement import load
from hub.db.url import parse
from hub.ports import Statement
from tests.servers import PostgresDatabases

SQL = Path(__file__).parents[3] / "hub" / "queue" / "sql"

BY_INDEX: dict[str, set[str]] = {
    "aged": {"qj_claim"},
    "cancel": {"id"},
    "claim": {"qj_claim", "qj_key", "qj_keyslot"},
    "complete": {"id"},
    "complete_one": {"id"},
    "count_dead": {"qj_dead"},
    "dead_ids": {"qj_dead"},
    "delete_histories": {"jh_started"},
    "depth": {"qj_claim", "qj_key"},
    "due": {"qj_due"},
    "enqueue": set(),
    "enqueue_bound": set(),
    "executed": {"history id"},
    "histories_of_job": {"jh_job", "id"},
    "hollow": {"id"},
    "job": {"id"},
    "known": {"qj_dedupe"},
    "known_unique": {"qj_unique"},
    "limits_forget": {"job_limits_age"},
    "limits_read": {"limit"},
    "limits_write": set(),
    "list_dead": {"qj_dead"},
    "list_histories": {"history id", "id"},
    "list_jobs": {"id"},
    "notify": set(),
    "old_dedupe_keys": {"qj_dedupe_age"},
    "old_jobs": {"id"},
    "promote": {"qj_due"},
    "purge": {"id"},
    "ready": {"qj_claim"},
    "redrive": {"id", "jh_job"},
    "release": {"qj_key"},
    "release_dedupe": {"id"},
    "remember": {"id"},
    "renew": {"id"},
    "rescue": {"qj_lease", "qj_leaseless"},
    "unpark": {"qj_waiting", "qj_parent"},
    "waited_for": {"qj_waiting", "qj_parent"},
    "retry_failed": {"qj_dead", "jh_job"},
    "settle": {"id"},
    "statistics_of_handlers": {"jh_started", "id"},
    "statistics_of_queues": {"qj_claim", "qj_due", "qj_key", "qj_lease", "qj_leaseless"},
    "status": {"id"},
    "steps": {"step"},
    "sweep": {"qj_key"},
}
"""Statement → the indexes it must use, and no other way to a row may occur. 'id' is that of the jobs."""

POSTGRESQL: dict[str, set[str]] = {"heads": {"qj_claim"}}
"""Those that only PostgreSQL has."""

VALUES: dict[str, Any] = {
    "queue": "default", "limit": 200, "run": 49, "owner": "w1", "lease": 30.0, "max_retries": 3, "queues": "{}",
    "retries": "{}", "executedby": "w1", "history_input": 100, "id": "x", "fence": 1, "name": "n", "result": "r",
    "max_crashes": 2, "after": "", "reason": "r", "actor": "a", "cut": 100, "most": 1000, "seconds": 86400.0,
    "days": 90.0, "failed": True, "dedupe_retention": 604800.0, "notify": True, "job_id": "x",
    "priorities": None, "floors": None, "ceiling": 2**31 - 1,
    "status": None, "handler": None, "protocol": None, "since": None, "cursor": None, "failure": None,
}  # fmt: skip


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
def test_every_statement_has_its_expectation(dialect: str) -> None:
    known = set(BY_INDEX) if dialect == "sqlite" else {*BY_INDEX, *POSTGRESQL}
    assert {path.stem for path in (SQL / dialect).glob("*.sql")} == known


# --- PostgreSQL -----------------------------------------------------------------------------------------------------

ROWS = """
INSERT INTO queue_jobs (handler, queue, priority, payload)
    SELECT 'h', 'default', n % 10, repeat('x', 100) FROM generate_series(1, 100000) n;
INSERT INTO queue_jobs (id, handler, queue, statusid, fence, completedat, startedat, leaseowner, payload)
    SELECT 'done-' || n, 'h', 'default', 3, 1, now(), now(), 'w0', repeat('x', 100) FROM generate_series(1, 100000) n;
INSERT INTO job_histories (jobid, statusid, startedat, duration)
    SELECT 'done-' || n, 3, now(), 5 FROM generate_series(1, 100000) n;
INSERT INTO queue_jobs (handler, queue, orderingkey) SELECT 'h', 'keyed', n % 2000 FROM generate_series(1, 10000) n;
INSERT INTO queue_jobs (handler, queue, statusid, scheduledat)
    SELECT 'h', 'default', 7, now() + interval '1 day' FROM generate_series(1, 10000) n;
INSERT INTO queue_jobs (handler, queue, statusid, leaseowner, leaseuntil, fence)
    SELECT 'h', 'default', 2, 'w1', now() + interval '30 s', 1 FROM generate_series(1, 200) n;
INSERT INTO queue_jobs (handler, statusid, failure) SELECT 'h', 4, 'exhausted' FROM generate_series(1, 5000) n;
INSERT INTO queue_jobs (handler, source, dedupekey) SELECT 'h', 's', n FROM generate_series(1, 5000) n;
INSERT INTO job_limits (name, version, state) SELECT 'key:h:' || n, 1, '{}' FROM generate_series(1, 5000) n;
"""

PARTIAL = {"qj_due", "qj_lease", "qj_leaseless", "qj_dead"}
"""Indexes that hold only what is looked for, and may be read from their beginning."""

NAMES = {
    "queue_jobs_pkey": "id",
    "job_histories_pkey": "history id",
    "job_steps_pkey": "step",
    "job_limits_pkey": "limit",
}


@pytest.fixture(scope="module")
def full_url(postgres: PostgresDatabases, postgres_template: str) -> Iterator[str]:
    """A database with rows of every kind, with statistics."""
    name = postgres.unique_name()
    url = postgres.create_database(name, template=postgres_template)
    postgres.execute(ROWS, database=name)
    postgres.execute("VACUUM ANALYZE", database=name)
    yield url
    postgres.drop_database(name)


@pytest.fixture
async def hub_connection(full_url: str) -> AsyncIterator[Any]:
    """A connection as the hub's own statements have it."""
    connection = await connect(parse(full_url), DatabaseSettings())
    yield connection
    await connection.close()


async def explain(connection: Any, statement: Statement, mode: str) -> dict[str, Any]:
    """The plan, as PostgreSQL's JSON has it."""
    await connection.execute(f"SET plan_cache_mode = force_{mode}_plan")
    await connection.execute(f"PREPARE it AS {statement.texts[0]}")
    try:
        arguments = ", ".join(_argument(statement, name) for name in statement.order)
        call = f"EXECUTE it({arguments})" if arguments else "EXECUTE it"
        text = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {call}")
    finally:
        await connection.execute("DEALLOCATE it")
    plan: dict[str, Any] = json.loads(text)[0]["Plan"]
    return plan


def _argument(statement: Statement, name: str) -> str:
    if name in statement.columns and statement.name != "complete_one":
        each = "NULL" if name == "scheduledat" else "1"
        return f"'{{{','.join([each] * 200)}}}'"
    if statement.name == "claim_by_floors" and name in ("priorities", "floors"):
        return "'{3,2,1}'"
    value = "{a}" if statement.name == "notify" else VALUES.get(name, 1)
    return "NULL" if value is None else f"'{value}'"


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


@pytest.mark.parametrize("mode", ["custom", "generic"])
@pytest.mark.parametrize("name", sorted({**BY_INDEX, **POSTGRESQL}))
async def test_postgresql_goes_by_index(hub_connection: Any, name: str, mode: str) -> None:
    found = list(nodes(await explain(hub_connection, load("hub.queue", "postgresql", name), mode)))
    used = {NAMES.get(node["Index Name"], node["Index Name"]) for node in found if "Index Name" in node}
    assert used >= {**BY_INDEX, **POSTGRESQL}[name]
    scanned = [node["Relation Name"] for node in found if node["Node Type"] == "Seq Scan"]
    assert scanned == []


# What runs many times a second, or is kept as a plan for days: package → statements.
KEPT = {
    "hub.queue": (
        *("cancel", "claim", "complete", "complete_one", "promote", "release", "remember", "renew", "rescue"),
        *("retry_failed", "settle", "status"),
    ),
    "hub.scheduler": ("due", "due_asking", "plan"),
    "hub.workflows": ("lock", "save", "wait_again"),
}


@pytest.mark.parametrize("rows", [0, 5, 50])
@pytest.mark.parametrize("analyzed", [False, True])
async def test_a_plan_from_when_there_were_few_rows_reads_no_table_whole(
    postgres_url: str, rows: int, analyzed: bool
) -> None:
    """It is kept while the table grows, until the statistics are made anew: a minute at best."""
    connection = await connect(parse(postgres_url), DatabaseSettings())
    whole = []
    try:
        await connection.execute(f"INSERT INTO queue_jobs (handler) SELECT 'h' FROM generate_series(1, {rows})")
        if analyzed:
            await connection.execute("VACUUM ANALYZE")
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        for package, names in KEPT.items():
            for name in names:
                statement = load(package, "postgresql", name)
                await connection.execute(f"PREPARE it AS {statement.texts[0]}")
                nulls = ", ".join("NULL" for _ in statement.order)
                plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE it{f'({nulls})' if nulls else ''}")
                await connection.execute("DEALLOCATE it")
                whole += [
                    (name, node["Relation Name"], node.get("Index Name"))
                    for node in nodes(json.loads(plan)[0]["Plan"])
                    if "Relation Name" in node
                    and node["Node Type"] in ("Seq Scan", "Index Scan", "Index Only Scan")
                    and "Index Cond" not in node
                    and node.get("Index Name") not in PARTIAL
                ]
    finally:
        await connection.close()
    assert not whole, "\n".join(map(str, whole))


@pytest.mark.parametrize("mode", ["custom", "generic"])
async def test_a_claim_reads_its_candidates_in_the_order_of_the_index(hub_connection: Any, mode: str) -> None:
    plan = await explain(hub_connection, load("hub.queue", "postgresql", "claim"), mode)
    (plain,) = [node for node in nodes(plan) if node.get("Subplan Name") == "CTE plain"]
    kinds = [node["Node Type"] for node in nodes(plain) if node["Node Type"] != "Result"]
    assert kinds == ["Limit", "LockRows", "Index Scan"]


@pytest.mark.parametrize("mode", ["custom", "generic"])
async def test_a_claim_by_floors_begins_at_each(hub_connection: Any, mode: str) -> None:
    statement = load("hub.queue", "postgresql", "claim")
    given = msgspec.structs.replace(statement, name="claim_by_floors")
    plan = await explain(hub_connection, given, mode)
    (above,) = [node for node in nodes(plan) if node.get("Subplan Name") == "CTE above"]
    (scan,) = [node for node in nodes(above) if node["Node Type"] == "Index Scan"]
    assert scan["Index Name"] == "qj_claim"
    assert "priority" in scan["Index Cond"]
    assert "seq >" in scan["Index Cond"]


@pytest.mark.parametrize("mode", ["custom", "generic"])
async def test_the_finish_of_a_jobs_own_transaction_goes_by_the_primary_key(full_url: str, mode: str) -> None:
    """On a handler's connection, which has the server's own idea of what is cheap."""
    connection = await asyncpg.connect(**connect_arguments(parse(full_url), DatabaseSettings()))
    try:
        for name in ("complete_one", "enqueue"):
            found = list(nodes(await explain(connection, load("hub.queue", "postgresql", name), mode)))
            assert [node["Relation Name"] for node in found if node["Node Type"] == "Seq Scan"] == []
    finally:
        await connection.close()


@pytest.mark.parametrize("name", ["claim", "promote", "rescue", "due", "ready", "release"])
async def test_the_work_does_not_grow_with_the_table(hub_connection: Any, name: str) -> None:
    statement = load("hub.queue", "postgresql", name)
    transaction = hub_connection.transaction()
    await transaction.start()
    await hub_connection.execute(f"PREPARE it AS {statement.texts[0]}")
    arguments = ", ".join(_argument(statement, each) for each in statement.order)
    call = f"EXECUTE it({arguments})" if arguments else "EXECUTE it"
    text = await hub_connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {call}")
    await transaction.rollback()
    await hub_connection.execute("DEALLOCATE it")
    plan = json.loads(text)[0]["Plan"]
    touched = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    assert touched < 15_000, text  # of 200 claimed rows: each is found, locked, written, and put into nine indexes
    for node in nodes(plan):
        assert node["Actual Rows"] <= 10_000, text


# --- SQLite ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(sqlite_template: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(sqlite_template)
    yield connection
    connection.close()


def query_plan(connection: sqlite3.Connection, statement: Statement) -> list[list[str]]:
    """Each text's plan, line by line."""
    values = {**VALUES, "rows": "[]"}
    return [[row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", values)] for text in statement.texts]


@pytest.mark.parametrize("name", sorted(BY_INDEX))
def test_sqlite_goes_by_index(file: sqlite3.Connection, name: str) -> None:
    lines = [line for plan in query_plan(file, load("hub.queue", "sqlite", name)) for line in plan]
    autoindexes = {
        "sqlite_autoindex_queue_jobs_1": "id",
        "sqlite_autoindex_job_histories_1": "history id",
        "sqlite_autoindex_job_steps_1": "step",
        "sqlite_autoindex_job_limits_1": "limit",
    }
    used = {word.rstrip(":") for line in lines if " INDEX " in line for word in line.split()}
    assert {autoindexes.get(word, word) for word in used} >= BY_INDEX[name], lines
    for line in lines:
        if line.split()[0] == "SCAN" and " INDEX " not in line:
            scanned = line.split()[1]
            assert scanned not in ("queue_jobs", "job_histories", "job_steps", "j", "e", "s"), lines


def test_a_claim_on_sqlite_sorts_nothing(file: sqlite3.Connection) -> None:
    (plan,) = query_plan(file, load("hub.queue", "sqlite", "claim"))
    assert "SEARCH queue_jobs USING INDEX qj_claim (<expr>=? AND priority<?)" in plan
    assert not [line for line in plan if "ORDER BY" in line]

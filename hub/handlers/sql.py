"""`sql.execute`: one SQL statement with the message's values, in the job's transaction, without writing Python.

Invariant: the statement comes from the configuration (a route's `with.statement`, kept in the job's metadata), the
values from the payload, and values are only ever bound. An object is one execution, a list of objects one for each.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import CursorResult, TextClause, text
from sqlalchemy.exc import DBAPIError

from hub.errors import PayloadInvalid, Permanent
from hub.handlers import sql_text, sql_values
from hub.handlers.job import Job
from hub.handlers.mark import handler

ROW_LIMIT = 1000

Record = dict[str, Any]


@handler("sql.execute")
async def execute(payload: Any, job: Job) -> dict[str, Any]:
    """Run the statement. Answers {"rows": n}, and for a statement that returns rows the first 1000 of them in "data"
    (with "truncated": true if there were more)."""
    clause, names = _prepared(_statement(job))
    many = isinstance(payload, list)
    records = [_record(one, names) for one in (payload if many else [payload])]
    if not records:
        return {"rows": 0}
    try:
        values = await sql_values.fit(job, clause, names, records)
        result = await job.db.execute(clause, values if many else values[0])
        return _answer(result, len(records) if many else 0)
    except DBAPIError as error:
        sql_values.forget(job, clause)
        if sql_values.is_bad_value(error):
            raise PayloadInvalid(f"payload: {error.orig}") from error
        raise
    except OverflowError as error:
        raise PayloadInvalid(f"payload: {error}") from error


def _answer(result: CursorResult[Any], untold: int) -> dict[str, Any]:
    """`untold` is the number of rows where the driver tells none."""
    if not result.returns_rows:
        return {"rows": untold if result.rowcount < 0 else result.rowcount}
    rows = [dict(row) for row in result.mappings().fetchmany(ROW_LIMIT + 1)]
    if len(rows) > ROW_LIMIT:
        return {"rows": ROW_LIMIT, "data": rows[:ROW_LIMIT], "truncated": True}
    return {"rows": len(rows), "data": rows}


def _statement(job: Job) -> str:
    settings = job.metadata.get("with")
    statement = settings.get("statement") if isinstance(settings, dict) else None
    if not isinstance(statement, str) or not statement.strip():
        raise Permanent('sql.execute needs its statement: "with": {"statement": "…"} on the route')
    return statement


@lru_cache(maxsize=256)
def _prepared(statement: str) -> tuple[TextClause, tuple[str, ...]]:
    """The statement for SQLAlchemy, and the names of its parameters. Raises Permanent for more than one statement."""
    if sql_text.is_several(statement):
        raise Permanent("sql.execute runs one statement: this text has several")
    clause = text(sql_text.for_sqlalchemy(statement))
    return clause, tuple(clause.compile().params)


def _record(payload: Any, names: tuple[str, ...]) -> Record:
    """The values of one execution, in the statement's names; what the statement does not name stays away."""
    if not names:
        return {}
    if not isinstance(payload, dict):
        raise PayloadInvalid(f"payload: expected an object with {', '.join(names)}")
    missing = [name for name in names if name not in payload]
    if missing:
        raise PayloadInvalid(f"payload: the statement has parameters that are not there: {', '.join(missing)}")
    return {name: payload[name] for name in names}

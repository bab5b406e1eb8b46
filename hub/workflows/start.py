"""How an execution begins: its row, the rows of its first steps, their jobs; in whichever transaction is wanted.

Invariant: all of it is one commit: of the hub's own, of a job's, or of an application's.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Dialect, cast, column, func, insert, literal, table
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import Text

from hub.model import NewJob
from hub.queue.application import AnyConnection, SyncConnection, insert_in, plain_of, run_in
from hub.queue.arrival import Told
from hub.workflows import graph, rows
from hub.workflows.definition import Definition

_COLUMNS = (
    "workflow_id", "workflow_type", "status", "context", "definition", "definition_digest", "progress", "created_by",
)  # fmt: skip
_EXECUTIONS = table("workflow_executions", *(column(name, Text()) for name in (*_COLUMNS, "started_at")))
_STEPS = table(
    "workflow_steps",
    *(column(name, Text()) for name in ("step_id", "workflow_id", "step_name", "status", "input_data")),
)


class Start(msgspec.Struct, frozen=True):
    """The rows of an execution that begins; `execution` in the order of insert.sql's columns."""

    workflow_id: str
    execution: tuple[str | None, ...]
    steps: list[rows.StepRow]
    jobs: list[NewJob]


def start(
    workflow_id: str, definition: Definition, context: str, *, actor: str | None = None, traceparent: str | None = None
) -> Start:
    """The rows of a new execution with this context (JSON text of an object)."""
    decision = graph.begin(definition)
    return Start(
        workflow_id,
        (
            workflow_id,
            definition.type,
            decision.status,
            context,
            definition.json,
            definition.digest,
            msgspec.json.encode(decision.progress).decode(),
            actor,
        ),
        [rows.begun(workflow_id, step, context) for step in decision.ready],
        [rows.job(definition, step, workflow_id, context, traceparent=traceparent) for step in decision.ready],
    )


async def start_in(connection: AnyConnection, beginning: Start, arrived: Told) -> None:
    """Begin with the caller's connection or session, of any driver; it counts once the caller commits."""
    await run_in(connection, insert_all, beginning, arrived)


def insert_all(connection: SyncConnection, beginning: Start, arrived: Told) -> None:
    """The same for a synchronous connection or session."""
    plain = plain_of(connection)
    dialect = plain.dialect
    values: dict[str, Any] = dict(zip(_COLUMNS, beginning.execution, strict=True))
    values["context"] = _json(values["context"], dialect)
    plain.execute(insert(_EXECUTIONS).values(**values, started_at=_now(dialect)))
    for id, workflow_id, name, status, given, *_ in beginning.steps:
        plain.execute(
            insert(_STEPS).values(
                step_id=id, workflow_id=workflow_id, step_name=name, status=status, input_data=_json(given, dialect)
            )
        )
    insert_in(connection, beginning.jobs, arrived)


def _json(text: str | None, dialect: Dialect) -> Any:
    return cast(literal(text, Text()), JSONB) if dialect.name == "postgresql" and text is not None else text


def _now(dialect: Dialect) -> ColumnElement[Any]:
    """This moment, by the database's clock, as the hub's tables have it."""
    match dialect.name:
        case "postgresql":
            return func.clock_timestamp()
        case "sqlite":
            return func.strftime("%Y-%m-%dT%H:%M:%fZ", "now")
        case _:
            return func.utc_timestamp(6)

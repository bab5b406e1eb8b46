"""What a step writes, and the columns that take it."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.db.statement import load
from hub.model import NewJob
from hub.resources import migrations_dir
from hub.workflows import rows
from hub.workflows.definition import Definition, Step

STEPS = (
    Step(name="plain", handler="orders.ship"),
    Step(
        name="all", handler="orders.ship", queue="slow", priority=3, max_retries=1, timeout=5.0, settings={"by": "air"}
    ),
    Step(name="later", handler="orders.ship", delay=60.0),
    Step(name="at", handler="orders.ship", until="2030-01-01T00:00:00Z"),
    Step(name="signal", wait_for="paid"),
    Step(name="signal_in_time", wait_for="paid", timeout=9.0),
)
TYPES = {"save": "hub_step_change", "enqueue": "hub_step_job"}


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "sqlite"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_the_short_row_of_a_job_leaves_nothing_out(step: Step, dialect: str) -> None:
    job = rows.job(Definition(type="order", steps=STEPS), step, "w-1", '{"a": 1}', traceparent="00-1-2-01")
    columns = load("hub.workflows", dialect, "enqueue").columns
    kept: dict[str, Any] = dict(zip(columns, rows.job_row(job), strict=True))
    assert NewJob(**kept, method=rows.METHOD) == job


@pytest.mark.parametrize("statement", TYPES)
def test_postgresql_has_a_type_with_the_columns_of_a_statement(statement: str) -> None:
    migrations = "".join(each.read_text() for each in migrations_dir("postgresql").iterdir())
    (body,) = re.findall(rf"CREATE TYPE {TYPES[statement]} AS \(([^)]*)\)", migrations)
    names = tuple(attribute.split()[0] for attribute in body.split(","))
    assert names == load("hub.workflows", "postgresql", statement).columns


@pytest.mark.parametrize(
    "context", ['{"at": 1e999}', '{"at": ' + "[" * 100_000 + "]" * 100_000 + "}", '{"at": "' + "x" * 5000 + '"}']
)
def test_a_time_that_cannot_be_read_is_a_short_fault_of_its_step(context: str) -> None:
    step = Step(name="pause", until="at")
    metadata = rows.job(Definition(type="order", steps=(step,)), step, "w-1", context).metadata
    assert metadata is not None
    fault = json.loads(metadata)[rows.METHOD]["fault"]
    assert fault.startswith("until: 'at' is no time: ")
    assert len(fault) < 300


def test_a_time_is_read_beside_what_cannot_be() -> None:
    step = Step(name="pause", until="order.at")
    context = '{"order": {"at": "2030-01-01T00:00:00Z", "weight": 1e999}, "x": -1e999}'
    job = rows.job(Definition(type="order", steps=(step,)), step, "w-1", context)
    assert job.scheduledat == datetime(2030, 1, 1, tzinfo=UTC)


def test_a_context_nested_too_deeply_is_not_begun() -> None:
    definition = Definition(type="order", steps=STEPS)
    context = '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"
    assert rows.unfit("w-1", definition, context) == "the context is nested too deeply"
    assert [rows.unfit("w-1", definition, sound) for sound in (None, "null", "{}")] == [None, None, None]
    assert rows.read_context(context) == {}

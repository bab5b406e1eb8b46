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


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "sqlite"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_the_columns_of_a_step_that_begins_leave_nothing_of_its_job_out(step: Step, dialect: str) -> None:
    job = rows.job(Definition(type="order", steps=STEPS), step, "w-1", '{"a": 1}', traceparent="00-1-2-01")
    columns = load("hub.workflows", dialect, "save").columns
    begun = rows.beginning(step, job)
    kept: dict[str, Any] = dict(zip(columns[-len(begun) :], begun, strict=True))
    assert kept.pop("begun_name") == step.name
    assert kept.pop("begun_status") == ("waiting" if step.wait_for else "queued")
    assert NewJob(id=kept.pop("begun_id"), payload='{"a": 1}', method=rows.METHOD, **kept) == job
    assert len(rows.NONE_BEGINS) == len(begun)


def test_postgresql_has_a_type_with_the_columns_of_save() -> None:
    migrations = "".join(each.read_text() for each in migrations_dir("postgresql").iterdir())
    (body,) = re.findall(r"CREATE TYPE hub_step_advance AS \(([^)]*)\)", migrations)
    names = tuple(attribute.split()[0] for attribute in body.split(","))
    assert names == load("hub.workflows", "postgresql", "save").columns


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

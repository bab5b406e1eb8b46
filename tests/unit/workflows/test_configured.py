"""The `workflows` section: what cannot be is said with its place; what can is what a hub runs."""

from __future__ import annotations

from typing import Any

import pytest

from hub import handler
from hub.config import ConfigurationError, build
from hub.handlers.registry import Registry
from hub.settings import catalog_of, housekeeping
from hub.workflows.definition import Step, Workflow, WorkflowInvalid


def configured(*steps: dict[str, Any]) -> Any:
    return build({"workflows": {"flow": {"steps": list(steps)}}}, {})


@pytest.mark.parametrize(
    ("step", "path", "message"),
    [
        ({"name": "a"}, "workflows.flow.steps[0].handler", "required, but missing"),
        ({"name": "a", "handler": "h", "wait_for": "s"}, "workflows.flow.steps[0].handler", "nothing else to do"),
        ({"name": "a", "until": "2026-13-45"}, "workflows.flow.steps[0].until", '"2026-13-45" is no time'),
        ({"name": "a b", "handler": "h"}, "workflows.flow.steps[0].name", "a name has"),
        ({"name": "a", "delay": "5m", "until": "then"}, "workflows.flow.steps[0].until", "not both"),
        ({"name": "a", "handler": "h", "after": ["b"]}, "workflows.flow.steps[0].after[0]", "there is no step"),
        ({"name": "a", "handler": "h", "after": ["a"]}, "workflows.flow.steps", "wait for each other"),
    ],
)
def test_what_cannot_be_is_said_with_its_place(step: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        configured(step)
    assert [(fault.path, message in fault.message) for fault in refused.value.faults] == [(path, True)]


def test_the_section_becomes_definitions() -> None:
    configuration = configured(
        {"name": "a", "handler": "h", "timeout": "5m", "max_retries": 2, "with": {"url": "u"}},
        {"name": "b", "wait_for": "paid", "after": ["a"], "timeout": "1d"},
        {"name": "c", "delay": "90s", "after": ["b"]},
    )
    definition = catalog_of(configuration, Registry()).of("flow")
    assert definition.steps == (
        Step(name="a", handler="h", timeout=300.0, max_retries=2, settings={"url": "u"}),
        Step(name="b", after=("a",), wait_for="paid", timeout=86400.0),
        Step(name="c", after=("b",), delay=90.0),
    )


def test_two_of_one_name_are_refused() -> None:
    @handler("h")
    async def h() -> None: ...

    configuration = configured({"name": "a", "handler": "h"})
    with pytest.raises(WorkflowInvalid, match="two workflows are called 'flow'"):
        catalog_of(configuration, Registry(), [Workflow("flow").step("a", h)])


def test_functions_that_a_workflow_names_become_handlers() -> None:
    @handler("only.here")
    async def only() -> None: ...

    registry = Registry()
    catalog = catalog_of(build({}, {}), registry, [Workflow("flow").step("a", only).step("b", "elsewhere")])
    assert registry.get("only.here") is not None
    assert catalog.missing(registry) == ["workflow 'flow', step 'b': there is no handler 'elsewhere'"]


def test_the_house_is_kept_at_the_documented_intervals() -> None:
    kept = {name: (one.handler, one.cronexpression or one.intervalseconds) for name, one in housekeeping().items()}
    assert kept == {
        "workflows-stuck": ("system.workflows.stuck", 300),
        "workflows-cleanup": ("system.workflows.cleanup", "0 3 * * *"),
        "workflows-metrics": ("system.workflows.metrics", 600),
        "workflows-health": ("system.health.check", 60),
    }

"""Everything in a configuration that names a handler.

Invariant: pure; one list for those who check before a hub runs and for those who check an edit while it does.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hub.config.faults import path_text
from hub.config.schema import Configuration
from hub.scheduler.tasks import HANDLER, TaskList


def named_handlers(configuration: Configuration) -> Iterator[tuple[str, str]]:
    """(place, handler), in the order of the sections."""
    yield "jobs.default_handler", configuration.jobs.default_handler
    for name in configuration.jobs.limits:
        yield path_text(("jobs", "limits", name)), name
    for index, route in enumerate(configuration.routes):
        if route.handler is not None:
            yield path_text(("routes", index, "handler")), route.handler
    for section in ("resource_types", "schedules", "templates"):
        for name, work in getattr(configuration, section).items():
            yield path_text((section, name, "handler")), work.handler
    for name, schedule in configuration.schedules.items():
        if schedule.handler == HANDLER:
            for index, task in enumerate(msgspec.convert(schedule.payload, TaskList).tasks):
                yield path_text(("schedules", name, "payload", "tasks", index, "handler")), task.handler
    for name, workflow in configuration.workflows.items():
        for index, step in enumerate(workflow.steps):
            if step.handler is not None:
                yield path_text(("workflows", name, "steps", index, "handler")), step.handler

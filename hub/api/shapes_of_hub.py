"""What the API answers about workflows, adapters and the hub itself, as types.

Invariant: as in `hub.api.shapes`.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from hub.api.fields import Zoned
from hub.api.shapes import WorkflowWord


class WorkflowRow(TypedDict):
    """An execution in a list: without context and steps, which are counted."""

    workflow_id: str
    workflow_type: str
    status: WorkflowWord
    started_at: Zoned | None
    completed_at: Zoned | None
    created_at: Zoned
    updated_at: Zoned | None
    error_message: str | None
    steps_completed: int
    steps_begun: int


class WorkflowPage(TypedDict):
    """`next` is the cursor of the page after, null on the last one."""

    data: list[WorkflowRow]
    next: str | None


class WorkflowStep(TypedDict):
    """`input_data` and `output_data` are left out for viewers. `due_at`: when a step that waits goes on."""

    step_id: str
    step_name: str
    status: str
    input_data: NotRequired[Any]
    output_data: NotRequired[Any]
    error_message: str | None
    started_at: Zoned | None
    completed_at: Zoned | None
    after: list[str]
    handler: str | None
    wait_for: str | None
    due_at: Zoned | None


class WorkflowDetail(TypedDict):
    """An execution with all its steps, those that have not begun among them. `context` and `signals` are left out for
    viewers."""

    workflow_id: str
    workflow_type: str
    status: WorkflowWord
    context: NotRequired[Any]
    started_at: Zoned | None
    completed_at: Zoned | None
    created_at: Zoned
    updated_at: Zoned | None
    error_message: str | None
    created_by: str | None
    signals: NotRequired[Any]
    steps: list[WorkflowStep]


class WorkflowStarted(TypedDict):
    workflow_id: str


class WorkflowCancelled(TypedDict):
    workflow_id: str
    status: Literal["cancelled"]


class WorkflowMoved(TypedDict):
    """`steps` are those that go on now."""

    workflow_id: str
    steps: list[str]


class AdapterState(TypedDict):
    """As this instance sees it; counts since it started. `lag` by stream, empty where nobody can know; `connections`:
    those of an adapter whose clients come to the hub, now."""

    name: str
    type: str
    state: str
    last_error: str | None
    lag: dict[str, int]
    in_flight: int
    received: int
    published: int
    quarantined: int
    reconnects: int
    connections: NotRequired[int]


class AdapterList(TypedDict):
    data: list[AdapterState]


class RouteRow(TypedDict):
    """A route of the configuration, secrets masked. `webhook`: the address it is posted to, null for other adapters."""

    name: str
    adapter_type: str | None
    webhook: str | None


class RouteList(TypedDict):
    """In the order in which they are tried."""

    data: list[RouteRow]


class Health(TypedDict):
    """Callers without a role are told `status` alone."""

    status: str
    version: NotRequired[str]
    instance: NotRequired[str]
    uptime_seconds: NotRequired[float]
    database: NotRequired[dict[str, Any]]
    cache: NotRequired[Any]
    adapters: NotRequired[dict[str, Any]]
    scheduler: NotRequired[dict[str, Any]]
    recovery: NotRequired[dict[str, Any]]
    jobs: NotRequired[dict[str, Any]]
    reason: NotRequired[str]


class Ready(TypedDict):
    status: Literal["ready"]


class Verdict(TypedDict):
    """What became of a message: `job_id` is null, and `filtered` true, where the route does not want it; `duplicate`:
    its key was known, the id is the first job's."""

    job_id: str | None
    duplicate: bool
    filtered: NotRequired[bool]


class Verdicts(TypedDict):
    """What became of each event of a batch, in its order."""

    jobs: list[Verdict]

"""What the API stands on, in one value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from hub.api.access import TokenStore
from hub.clock import Clock
from hub.config import Configuration
from hub.ingest.intake import Intake
from hub.model import Status
from hub.queue.arrival import Arrival, Told
from hub.queue.group_commit import GroupCommit
from hub.queue.records import Records
from hub.queue.store import Store
from hub.scheduler.control import Control
from hub.scheduler.records import JobRecords
from hub.telemetry import Metrics
from hub.workflows.control import Workflows


class Cancel(Protocol):
    """CANCELLED if the job waited, PROCESSING if it runs and was told to stop, None if it is not there or has ended."""

    async def __call__(self, job_id: str, *, reason: str, actor: str) -> Status | None: ...


def _nobody_waits(arrival: Arrival) -> None:
    """No workers in this process."""


def _nothing_fires() -> None:
    """No scheduler in this process; another one sees the change by itself."""


def _never() -> None:
    """Nobody watches the configuration."""


@dataclass(kw_only=True)
class ApiServices:
    """`health` answers the details of /health, `ready` the reasons why no work can be taken, none when it can.

    `tokens` are those of the database; `arrived` is told of rows that came other than by `commit`. `adapters`
    answers the state of each.
    """

    configuration: Configuration
    """Replaced as a whole when an edit of the file is put in force."""
    intake: Intake
    records: Records
    store: Store
    commit: GroupCommit
    cancel: Cancel
    clock: Clock
    telemetry: Metrics
    health: Callable[[], Awaitable[dict[str, Any]]]
    ready: Callable[[], Awaitable[list[str]]]
    tokens: TokenStore | None = None
    workflows: Workflows | None = None
    arrived: Told = _nobody_waits
    reloaded: Callable[[], object] = _never
    """What came of the last edit of the file, None if there was none."""
    adapters: Callable[[], list[dict[str, Any]]] = list
    jobs: JobRecords | None = None
    schedules: Control | None = None
    schedules_changed: Callable[[], None] = _nothing_fires
    """Told when rows of the table `jobs` were written."""

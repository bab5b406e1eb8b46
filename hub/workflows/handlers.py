"""The handlers that workflows bring: one that starts them, one that waits, and those that keep house.

Invariant: `workflow.start` starts in its job's own transaction; so a message that comes twice to one job starts one
workflow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from hub.errors import NotFound, Permanent, Rejected
from hub.handlers.job import Job
from hub.handlers.mark import handler
from hub.telemetry import get_logger
from hub.workflows.control import Workflows
from hub.workflows.rows import METHOD, WAIT_HANDLER

_log = get_logger("hub.workflows")

_DAY = 86_400.0


class StuckPayload(msgspec.Struct, frozen=True):
    """`older_than` in seconds."""

    older_than: Annotated[float, msgspec.Meta(gt=0)] = 3600.0


class CleanupPayload(msgspec.Struct, frozen=True):
    days: Annotated[float, msgspec.Meta(gt=0)] = 30.0


def handlers(workflows: Workflows, *, batch: int = 200) -> list[Callable[..., Any]]:
    """The handlers, bound to the workflows of a hub."""

    @handler("workflow.start")
    async def start(payload: Any, job: Job) -> dict[str, str]:
        """Start the workflow that `with` names (`{"workflow": "user_signup"}`), with the payload as its context."""
        settings = job.metadata.get("with")
        type = settings.get("workflow") if isinstance(settings, dict) else None
        if not isinstance(type, str):
            raise Permanent('workflow.start needs the name: "with": {"workflow": "…"} on the route')
        try:
            return {"workflow_id": await workflows.start_by(job, type, payload)}
        except (NotFound, Rejected) as error:
            raise Permanent(str(error)) from error

    @handler(WAIT_HANDLER, timeout=60)
    async def wait(job: Job) -> Any:
        """The end of a wait: the signal's payload, or nothing when a time has come."""
        about = job.metadata.get(METHOD)
        if not isinstance(about, dict):
            raise Permanent("workflow.wait is a step of workflows, no handler of jobs")
        signal = about.get("wait_for")
        if signal is None:
            return None
        came, payload = await workflows.signalled(about["id"], signal)
        if not came:
            raise Permanent(f"no signal {signal!r} came in time")
        return payload

    @handler("system.workflows.stuck", timeout=600)
    async def stuck(payload: StuckPayload | None) -> dict[str, Any]:
        """Warn of workflows that do not move, and enqueue steps of theirs that were lost."""
        found = await workflows.stuck((payload or StuckPayload()).older_than)
        mended = 0
        for each in found:
            mended += await workflows.change.mend(each["workflow_id"])
            _log.warning(
                "workflow is stuck", workflow=each["workflow_id"], type=each["workflow_type"], since=str(each["since"])
            )
        return {"stuck": [each["workflow_id"] for each in found], "mended": mended}

    @handler("system.workflows.cleanup", timeout=3600)
    async def cleanup(payload: CleanupPayload | None, job: Job) -> dict[str, int]:
        """Delete workflows that completed, or were cancelled, longer ago than they are kept; failed ones stay."""
        deleted = 0
        while changed := await workflows.delete_old((payload or CleanupPayload()).days * _DAY, batch):
            deleted += changed
            await job.progress(0.5, f"{deleted} workflows")
        return {"workflows": deleted}

    @handler("system.workflows.metrics", timeout=600)
    async def metrics() -> dict[str, int]:
        """How many workflows there are in each status; to the log too."""
        counts = await workflows.counts()
        _log.info("workflows", **counts)
        return counts

    return [start, wait, stuck, cleanup, metrics]

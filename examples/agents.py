"""Simulated agents: work that takes its time, says how far it is, and stops when it is told to.

Cancelling a job, its time-out and a shutdown all reach a handler as `asyncio.CancelledError` at its next `await`; code
that has something to put away does so in `finally` and lets the error pass.
"""

from __future__ import annotations

import asyncio
from typing import Any

from hub import Job, handler

AI_SECONDS = 2.0
CLIENT_SECONDS = 1.0
STEPS = 10


@handler("agents.ai", timeout=600)
async def ai_agent(payload: Any, job: Job) -> dict[str, Any]:
    """Think for two seconds."""
    return await work(payload, job, AI_SECONDS)


@handler("agents.client", timeout=60)
async def client_agent(payload: Any, job: Job) -> dict[str, Any]:
    """Be busy for one second."""
    return await work(payload, job, CLIENT_SECONDS)


async def work(payload: Any, job: Job, seconds: float) -> dict[str, Any]:
    """Spend `seconds` in steps, and answer what was asked."""
    for step in range(STEPS):
        await job.progress(step / STEPS, f"step {step + 1} of {STEPS}")
        await asyncio.sleep(seconds / STEPS)
    await job.progress(1.0, "done")
    return {"resource_id": job.metadata.get("resource_id"), "task": _task(payload), "seconds": seconds}


def _task(payload: Any) -> Any:
    return payload.get("task") if isinstance(payload, dict) else payload

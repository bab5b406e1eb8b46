"""A running hub with the workflows of a test, and ways to wait for what becomes of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from sqlalchemy import text

from hub import Hub
from hub.config import build
from hub.workflows.definition import Workflow

PATIENCE = 45.0


class Rig:
    """A hub at work."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.workflows = hub.workflows

    async def start(self, type: str, context: dict[str, Any] | None = None, **options: Any) -> str:
        return await self.hub.start_workflow(type, context, **options)

    async def until(
        self, workflow_id: str, *statuses: str, met: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> dict[str, Any]:
        """The summary once it has one of the statuses (final ones unless said), and is as wanted."""
        found: dict[str, Any] = {}
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    found = await self.workflows.summary(workflow_id)
                    if found["status"] in (statuses or ("completed", "failed", "cancelled")) and met(found):
                        return found
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"after {PATIENCE} s it is still {found}") from None

    async def until_step(self, workflow_id: str, step: str, *statuses: str) -> dict[str, Any]:
        """The step once it has one of the statuses, whatever the workflow's is."""
        every = ("pending", "running", "completed", "failed", "cancelled")
        found = await self.until(workflow_id, *every, met=lambda summary: states(summary).get(step) in statuses)
        return steps(found)[step]

    async def sql(self, statement: str, **parameters: Any) -> list[Any]:
        async with self.hub.database.transaction() as connection:
            answer = await connection.execute(text(statement), parameters)
            return [row._mapping for row in answer] if answer.returns_rows else []

    async def hurry(self) -> None:
        """Retries are due now."""
        now = {"postgresql": "clock_timestamp()", "mysql": "UTC_TIMESTAMP(6)"}.get(
            self.hub.database.dialect, "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
        )
        await self.sql(f"UPDATE queue_jobs SET scheduledat = {now} WHERE statusid = 5")
        self.hub.engine.woken([""])


def steps(summary: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["step_name"]: step for step in summary["steps"]}


def states(summary: dict[str, Any]) -> dict[str, str]:
    return {step["step_name"]: step["status"] for step in summary["steps"]}


@asynccontextmanager
async def running(
    url: str,
    *workflows: Workflow,
    handlers: Sequence[Callable[..., Any]] = (),
    roles: Sequence[str] = ("worker",),
    workers: int = 10,
    configuration: dict[str, Any] | None = None,
) -> AsyncIterator[Rig]:
    document = {
        "database": {"url": url, "pool": 8},
        "http": {"port": 0},
        "jobs": {"enabled": True, "workers": workers, "poll_interval": "200ms", "shutdown_timeout": "5s"},
        **(configuration or {}),
    }
    async with Hub(build(document, {}), roles=roles, handlers=handlers, workflows=workflows) as hub:
        yield Rig(hub)


RigMaker = Callable[..., AbstractAsyncContextManager[Rig]]

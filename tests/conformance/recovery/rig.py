"""A running hub with schedules whose payloads are tasks, and ways to wait for what becomes of their runs."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from sqlalchemy import text

from hub import Hub
from hub.clock import SystemClock
from hub.config import build
from hub.scheduler.control import Control

PATIENCE = 45.0


class Rig:
    """A hub at work."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._control = Control(hub.database, SystemClock())

    async def sql(self, statement: str, **parameters: Any) -> list[Any]:
        async with self.hub.database.transaction() as connection:
            answer = await connection.execute(text(statement), parameters)
            return [row._mapping for row in answer] if answer.returns_rows else []

    async def schedule(self, name: str, tasks: Sequence[dict[str, Any]], **columns: Any) -> str:
        """A row of `jobs` that fires in an hour at the earliest; its id is its name."""
        values = {
            "id": name,
            "name": name,
            "handler": "system.tasks",
            "intervalseconds": 3600,
            "payload": json.dumps({"tasks": list(tasks)}),
            "maxretries": 0,
            **columns,
        }
        names = ", ".join(values)
        await self.sql(f"INSERT INTO jobs ({names}) VALUES ({', '.join(f':{each}' for each in values)})", **values)
        return name

    async def fire(self, name: str) -> str:
        """As its time would; answers the id of the job."""
        job_id, queue = await self._control.run(name, actor="tests")
        self.hub.engine.woken([queue])
        return job_id

    async def row(self, name: str) -> dict[str, Any]:
        """The row with the progress decoded."""
        found = (await self.sql("SELECT * FROM jobs WHERE name = :name", name=name))[0]
        progress = found["interval_progress"]
        return {**found, "interval_progress": None if progress is None else json.loads(progress)}

    async def until(self, name: str, met: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The row once it is as wanted."""
        found: dict[str, Any] = {}
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    found = await self.row(name)
                    if met(found):
                        return found
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"after {PATIENCE} s it is still {found}") from None

    async def ended(self, name: str) -> dict[str, Any]:
        """The progress of a run that has ended."""
        progress: dict[str, Any] = (await self.until(name, has_ended))["interval_progress"]
        return progress

    async def settled(self, job_id: str) -> Any:
        """A job's row once it is final."""
        async with asyncio.timeout(PATIENCE):
            while True:
                (row,) = await self.sql("SELECT statusid, result, lasterror FROM queue_jobs WHERE id = :id", id=job_id)
                if row["statusid"] in (3, 4, 6):
                    return row
                await asyncio.sleep(0.01)


async def until(met: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until it is so."""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                if await met():
                    return
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not after {PATIENCE} s: {what}") from None


def has_ended(row: dict[str, Any]) -> bool:
    return row["interval_progress"] is not None and row["current_interval_id"] is None


def states(progress: dict[str, Any]) -> list[str]:
    return [task["status"] for task in progress["tasks"]]


@asynccontextmanager
async def running(
    url: str,
    *,
    handlers: Sequence[Callable[..., Any]] = (),
    recovery: dict[str, Any] | None = None,
    jobs: dict[str, Any] | None = None,
    roles: Sequence[str] = ("worker",),
) -> AsyncIterator[Rig]:
    document = {
        "database": {"url": url, "pool": 8},
        "http": {"port": 0},
        "jobs": {
            "enabled": True,
            "workers": 10,
            "poll_interval": "200ms",
            "shutdown_timeout": "5s",
            "recovery": recovery or {},
            **(jobs or {}),
        },
    }
    async with Hub(build(document, {}), roles=roles, handlers=handlers) as hub:
        yield Rig(hub)


RigMaker = Callable[..., AbstractAsyncContextManager[Rig]]

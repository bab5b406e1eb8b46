"""An engine behind a faulty way to its database, for what happens between two bytes.

Invariant: messages come in, and are looked at, on another way, which nothing happens to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hub import Job, handler
from hub.queue.engine import Engine
from tests.faults.engine import Work, running
from tests.faults.handlers import EFFECTFUL, EMPTY, PUBLISHING, leave_effect
from tests.faults.ledger import Ledger
from tests.faults.oracle import Verdict, judge
from tests.faults.outside import Outside
from tests.faults.waiting import until_async
from tests.servers import Proxy

WORK = Work(lease=30.0, rescue_interval=0.2, owner="worker-behind-the-proxy")
PATIENCE = 20.0


class Scene:
    """An engine in the test's own process that reaches its database through a proxy.

    `runs` are the messages whose handlers ran, in order; `waits` tells that one has left its effect, and `gate` lets
    those go on.
    """

    def __init__(self, outside: Outside, proxy: Proxy, folder: Path) -> None:
        self.outside = outside
        self.proxy = proxy
        self.ledger = Ledger(folder / "acknowledged")
        self.runs: list[str] = []
        self.waits = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    @asynccontextmanager
    async def engine(self, work: Work = WORK) -> AsyncIterator[Engine]:
        @handler(EFFECTFUL)
        async def effect(payload: dict[str, str], job: Job) -> None:
            self.runs.append(payload["id"])
            await leave_effect(job, payload["id"])
            self.waits.set()
            await self.gate.wait()

        @handler(PUBLISHING)
        async def publish(payload: dict[str, str], job: Job) -> None:
            self.runs.append(payload["id"])
            await job.publish("elsewhere", "orders", {"of": payload["id"]})
            await leave_effect(job, payload["id"])

        @handler(EMPTY)
        async def empty(payload: dict[str, str]) -> str:
            self.runs.append(payload["id"])
            return f"result of {payload['id']}"

        @handler("publish")
        async def deliver() -> None: ...

        async with running(self.proxy.url_through(self.outside.url), work, [effect, publish, empty, deliver]) as engine:
            yield engine

    async def settled(self) -> None:
        await until_async(lambda: self.outside.unsettled() == 0, PATIENCE, "the jobs do not end")

    async def verdict(self) -> Verdict:
        await until_async(lambda: self.outside.connections() == 0, PATIENCE, "connections are left")
        return await asyncio.to_thread(lambda: judge(self.outside.facts(self.ledger, rescue_interval=0.2)))

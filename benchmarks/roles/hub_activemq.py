"""A hub takes in what waits in an ActiveMQ queue: from its start to the last message acknowledged.

Invariant: a message counts once its row is committed and the broker was told so. Nothing runs the jobs: it is the way
in that is measured.
"""

from __future__ import annotations

import asyncio
from typing import Any

from benchmarks.roles.wire import Meter, Wire
from hub import Hub
from hub.config import build


async def run(wire: Wire, *, url: str, adapter: dict[str, Any], queue: str, messages: int) -> None:
    route = {"name": "in", "from": "broker", "topic": queue, "handler": "system.record", "dedupe_key": "payload.order"}
    document = {
        "jobs": {"enabled": False},
        "http": {"port": 0},
        "log": {"level": "error"},
        "adapters": {"broker": adapter},
        "routes": [route],
    }
    hub = Hub(build(document, {"DATABASE_URL": url}))
    await wire.ready()
    meter = Meter()
    async with hub:
        state = hub.supervisor.states["broker"]
        while state.received < messages:  # noqa: ASYNC110 - nothing tells when the last message is acknowledged
            await asyncio.sleep(0.005)
        await wire.done(meter.read())

"""A whole hub before Kafka: one route, no workers; done when the last message has its row.

Invariant: the pump, the routes, the cursors and the metrics are those of production.
"""

from __future__ import annotations

import asyncio

from benchmarks.roles.wire import Meter, Wire
from hub import Hub, handler
from hub.config import build


@handler("benchmark.empty")
async def empty() -> None:
    """Never run here."""


async def run(wire: Wire, *, url: str, broker: str, topic: str, group: str, count: int) -> None:
    document = {
        "jobs": {"enabled": False},
        "http": {"port": 0},
        "log": {"level": "warning"},
        "adapters": {"plant": {"type": "kafka", "url": f"kafka://{broker}", "group": group}},
        "routes": [{"name": "line", "from": "plant", "topic": topic, "handler": "benchmark.empty"}],
    }
    hub = Hub(build(document, {"DATABASE_URL": url}), handlers=[empty])
    await wire.ready()
    meter = Meter()
    async with hub:
        state = hub.supervisor.states["plant"]
        while state.received < count:  # noqa: ASYNC110 - the state has no event to wait for
            await asyncio.sleep(0.005)
        await wire.done(meter.read())

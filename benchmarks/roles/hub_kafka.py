"""A whole hub before Kafka: one route, no workers; done when the last message has its row. With `leg` it works on them
as well, and deletes what is done.

Invariant: the pump, the routes, the cursors and the metrics are those of production.
"""

from __future__ import annotations

import asyncio

from benchmarks.machine import resident
from benchmarks.roles.wire import Meter, Wire
from hub import Hub, handler
from hub.config import build

_RETENTION = 1_000


async def run(wire: Wire, *, url: str, broker: str, topic: str, group: str, count: int, leg: int = 0) -> None:
    """Answers seconds and CPU; with `leg` also `legs`, the resident megabytes after each `leg` jobs."""
    worked, legs = 0, list[float | None]()
    all_worked = asyncio.Event()

    @handler("benchmark.empty")
    async def empty() -> None:
        nonlocal worked
        worked += 1
        if leg and worked % leg == 0:
            legs.append(resident())
        if worked == count:
            all_worked.set()

    document = {
        "jobs": {"enabled": leg > 0, "workers": 50},
        "http": {"port": 0},
        "log": {"level": "warning"},
        "adapters": {"plant": {"type": "kafka", "url": f"kafka://{broker}", "group": group}},
        "routes": [{"name": "line", "from": "plant", "topic": topic, "handler": "benchmark.empty"}],
    }
    hub = Hub(build(document, {"DATABASE_URL": url}), handlers=[empty])
    await wire.ready()
    meter = Meter()
    async with hub:
        if leg:
            deleting = asyncio.create_task(_delete(hub))
            await all_worked.wait()
            deleting.cancel()
            await asyncio.wait((deleting,))
            wire.tell({**meter.read(), "legs": legs})
            return
        state = hub.supervisor.states["plant"]
        while state.received < count:  # noqa: ASYNC110 - the state has no event to wait for
            await asyncio.sleep(0.005)
        await wire.done(meter.read())


async def _delete(hub: Hub) -> None:
    """What retention does at night, all the time."""
    while True:
        deleted = await hub.records.delete_jobs(0, _RETENTION)
        await asyncio.sleep(0 if deleted else 0.5)

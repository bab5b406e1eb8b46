"""Messages a second out of an ActiveMQ queue: into committed rows by the hub, and into nothing by a bare client.

Invariant: each run has a broker of its own with the same queue, filled before; what was taken is counted in the table,
and nothing is left in the queue.
"""

from __future__ import annotations

import asyncio

import msgspec

from benchmarks.figures import Benchmark, Goal, Line, Sample
from benchmarks.stand import Stand
from tests.servers import ActiveMqService, Unavailable
from tests.servers.activemq import PASSWORD, USER
from tests.servers.stomp_peer import StompPeer

QUEUE = "/queue/benchmark"
PREFETCH = 100
"""Ten times as many were measured no faster: the broker is what both wait for."""


def benchmark(stand: Stand) -> Benchmark:
    messages = stand.sizes.messages
    title = f"ActiveMQ, {messages:,} messages from a queue, {PREFETCH} ahead"
    try:
        ActiveMqService()
    except Unavailable as reason:
        return Benchmark("activemq", f"{title}: {reason}", {}, [])

    def hub() -> Sample:
        with ActiveMqService() as broker, stand.fresh("hub") as url:
            asyncio.run(_fill(broker, messages))
            adapter = broker.adapter(prefetch=PREFETCH)
            figures = stand.measured("hub_activemq", messages, url=url, adapter=adapter, queue=QUEUE, messages=messages)
            found = stand.value(url, "SELECT count(*) FROM queue_jobs")
            assert found == messages, f"of {messages}: {found} rows"
            asyncio.run(_is_empty(broker))
            return figures

    def bare() -> Sample:
        with ActiveMqService() as broker:
            asyncio.run(_fill(broker, messages))
            login = {"port": broker.port, "username": USER, "password": PASSWORD, "prefetch": PREFETCH}
            figures = stand.measured("stomp_bare", messages, queue=QUEUE, messages=messages, **login)
            asyncio.run(_is_empty(broker))
            return figures

    lines = [
        Line("hub, rows committed", "hub", "rate", "messages/s", [Goal("stomp.py alone")]),
        Line("stomp.py alone", "bare", "rate", "messages/s"),
    ]
    return Benchmark("activemq", title, {"hub": hub, "bare": bare}, lines)


async def _fill(broker: ActiveMqService, messages: int) -> None:
    """Persistent messages; the last one's receipt stands for all."""
    async with StompPeer(broker.port, USER, PASSWORD) as peer:
        await peer.fill(QUEUE, [msgspec.json.encode({"order": number, "part": "A-17"}) for number in range(messages)])


async def _is_empty(broker: ActiveMqService) -> None:
    async with StompPeer(broker.port, USER, PASSWORD) as peer:
        left = len(await peer.browse(QUEUE))
        assert left == 0, f"{left} messages are left in the queue"

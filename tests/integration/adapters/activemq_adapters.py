"""ActiveMQ adapters without a hub around them, for what the contract of adapters says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from hub.adapters.activemq import ActiveMqAdapter, make
from tests.integration.adapters import alone
from tests.integration.adapters.alone import context, reading
from tests.servers import ActiveMqService
from tests.servers.activemq import PASSWORD, USER
from tests.servers.stomp_peer import StompPeer

outgoing = partial(alone.outgoing, "mes")


def fresh(kind: str = "queue") -> str:
    """A destination that no other test uses at the same broker."""
    return alone.fresh(f"/{kind}/tests.of")  # guests may use tests.> alone


def adapter(url: str, **settings: Any) -> ActiveMqAdapter:
    """Not connected yet."""
    return make("mes", {"url": url, "username": USER, "password": PASSWORD, **settings}, context())


def peer(service: ActiveMqService, **more: Any) -> StompPeer:
    return StompPeer(service.port, USER, PASSWORD, **more)


@asynccontextmanager
async def connected(service: ActiveMqService, *topics: str, **settings: Any) -> AsyncIterator[ActiveMqAdapter]:
    async with reading(adapter(settings.pop("url", service.url), **settings), topics) as found:
        yield found


async def left_in(broker: StompPeer, queue: str, count: int) -> list[bytes]:
    """The bodies in a queue, once the broker has heard of the acknowledgements and only `count` are left."""
    async with asyncio.timeout(30):
        while True:
            found = await broker.browse(queue)
            if len(found) == count:
                return [frame.body for frame in found]

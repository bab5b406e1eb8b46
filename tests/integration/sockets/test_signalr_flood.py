"""A client that says as much as it can: the others go on, whatever it says it with."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.integration.sockets.rig import Rig, eventually, serving
from tests.integration.sockets.wire import PATIENCE, RS, Wire, wire

Flood = Callable[[Wire], Awaitable[None]]
PING = '{"type":6}' + RS
MASK = bytes(4)
FRAME = bytes((0x81, 0x80 | len(PING))) + MASK + PING.encode()
CONTROL = bytes((0x89, 0x80)) + MASK
"""A ping of the WebSocket itself."""


@pytest.fixture
async def hub(sqlite_url: str) -> AsyncIterator[Rig]:
    async with serving(sqlite_url) as rig:
        yield rig


async def joined(client: Wire) -> None:
    await client.text(PING * 2000)


async def single(client: Wire) -> None:
    await _written(client, FRAME * 3000)


async def controls(client: Wire) -> None:
    await _written(client, CONTROL * 10_000)


async def _written(client: Wire, data: bytes) -> None:
    """As it is: the client shares the hub's loop, and must not hold it up by making frames."""
    writer = client.socket._writer
    writer.transport.write(data)
    await writer.protocol._drain_helper()
    await asyncio.sleep(0)


@pytest.mark.parametrize("flood", [joined, single, controls])
async def test_a_flood_of_pings_starves_nobody(hub: Rig, flood: Flood) -> None:
    async with wire(hub.url) as flooding:
        flooded = asyncio.create_task(_flood(flood, flooding))
        reading = asyncio.create_task(_read(flooding))  # the answers, so that the hub is not kept from giving them
        try:
            await goes_on(hub)
            await goes_on(hub)
            assert not flooded.done()
            assert not reading.done()
        finally:
            # Cut: behind all that it has said no good-bye would arrive in time.
            flooding.socket._writer.transport.abort()
            flooded.cancel()
            reading.cancel()
            await asyncio.gather(flooded, reading, return_exceptions=True)
    await goes_on(hub)


async def test_what_has_arrived_is_read_in_turns(hub: Rig) -> None:
    """However fast the machine: a thousand messages that are there already are not read in one turn of the loop."""
    async with wire(hub.url):
        await eventually(lambda: hub.adapter.connections == 1)
        [connection] = hub.adapter._registry.every()
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        watching = asyncio.create_task(others())
        await asyncio.sleep(0)
        began = turns
        await connection.feed((PING * 1000).encode())
        assert turns - began >= 9
        watching.cancel()


async def _flood(flood: Flood, client: Wire) -> None:
    while True:
        await flood(client)


async def _read(client: Wire) -> None:
    while not client.socket.closed:
        await client.socket.receive()


async def goes_on(hub: Rig) -> None:
    """A good message is processed in time."""
    async with asyncio.timeout(PATIENCE), wire(hub.url) as client:
        await client.call("1", "note", {"good": True})
        answer = await client.heard()
        assert (await hub.harness.wait(answer["result"]["job_id"]))["statusid"] == 3

"""What the hub sends to Socket.IO clients: to whom, with what answer; by one instance or by several."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.errors import HubError, Permanent, Transient
from tests.integration.sockets.engineio_wire import Wire, wire
from tests.integration.sockets.rig import eventually
from tests.integration.sockets.socketio_rig import Rig, outgoing, serving
from tests.servers import RedisService


@pytest.fixture
async def hub(sqlite_url: str) -> AsyncIterator[Rig]:
    async with serving(sqlite_url, socketio={"result_timeout": "300ms"}) as rig:
        yield rig


async def _join(client: Wire, group: str) -> None:
    await client.emit(900, "join", group)
    assert await client.answer(900) == {"ok": True}


async def test_only_those_who_are_meant_hear_it(hub: Rig) -> None:
    async with wire(hub.url) as first, wire(hub.url) as second, wire(hub.url, connect=None) as stranger:
        await _join(first, "line-1")
        await hub.adapter.send(outgoing("group:line-1/a", 1))
        await hub.adapter.send(outgoing(f"connection:{first.id}/b", 2))
        await hub.adapter.send(outgoing("user:local/c", 3))
        await hub.adapter.send(outgoing("d", [4, None], arguments="spread"))
        assert [await first.event() for _ in "abcd"] == [["a", 1], ["b", 2], ["c", 3], ["d", 4, None]]
        assert [await second.event() for _ in "cd"] == [["c", 3], ["d", 4, None]]
        await hub.adapter.send(outgoing("/orders,e", 5))
        await first.emit(1, "leave", "line-1")
        assert await first.answer(1) == {"ok": True}
        await hub.adapter.send(outgoing("group:line-1/a", 6))
        await hub.adapter.send(outgoing("f", 7))
        assert await first.event() == ["f", 7]
        with pytest.raises(TimeoutError):
            await stranger.frame(patience=0.05)


async def test_bytes_are_an_attachment(hub: Rig) -> None:
    async with wire(hub.url) as client:
        await hub.adapter.send(outgoing("raw", b"\xff\x00"))
        assert await client.frame() == '451-["raw",{"_placeholder":true,"num":0}]'
        assert await client.frame() == r"bb'\xff\x00'"


async def test_nobody_there_is_done_and_one_who_is_gone_is_permanent(hub: Rig) -> None:
    async with wire(hub.url) as client:
        gone = client.id
    await eventually(lambda: not hub.adapter.connections)
    for topic in ("all", "group:line-9/a", "user:nobody/a", "/orders,all"):
        assert await hub.adapter.send(outgoing(topic)) is None
    for headers in ({}, {"result": "true"}):
        with pytest.raises(Permanent, match="gone"):
            await hub.adapter.send(outgoing(f"connection:{gone}/a", **headers))
    with pytest.raises(Permanent, match="one connection"):
        await hub.adapter.send(outgoing("all", result="true"))
    with pytest.raises(Permanent, match="not served"):
        await hub.adapter.send(outgoing("/nowhere,all"))


async def _asked(client: Wire) -> tuple[int, Any]:
    """The number of a question, and its arguments."""
    frame = await client.frame()
    number = frame[2 : frame.index("[")]
    return int(number), json.loads(frame[2 + len(number) :])


async def test_an_answer_is_the_result_and_silence_is_tried_again(hub: Rig) -> None:
    async with wire(hub.url) as client:
        asked = outgoing(f"connection:{client.id}/ask", {"n": 1}, result="true")
        for said, expected in [("[{}]", {}), ("[]", None), ("[null]", None), ("[1,2]", [1, 2]), (None, Transient)]:
            asking = asyncio.create_task(hub.adapter.send(asked))
            number, question = await _asked(client)
            assert question == ["ask", {"n": 1}]
            if said is not None:
                await client.text(f"43{number}{said}", f"43{number}[9]", f"43{number + 100}[9]")
                assert await asking == expected
            else:
                with pytest.raises(Transient, match="did not acknowledge"):
                    await asking
        asking = asyncio.create_task(hub.adapter.send(asked))
        number, _ = await _asked(client)
        await client.text(f'461-{number}[{{"_placeholder":true,"num":0}}]')
        await client.socket.send_bytes(b"one")
        assert await asking == "b25l"
        asking = asyncio.create_task(hub.adapter.send(asked))
        await _asked(client)
    with pytest.raises(HubError, match="ended before it acknowledged"):
        await asking


async def test_adapters_are_seen_with_what_they_do(hub: Rig) -> None:
    async with wire(hub.url) as client:
        await client.emit(1, "note", 1)
        assert (await client.answer(1))["ok"]
        assert hub.adapter.connections == 1
        [view] = hub.hub.supervisor.view()
        assert (view["name"], view["type"], view["state"], view["received"]) == ("live", "socketio", "connected", 1)
        assert view["connections"] == 1


# --- several instances ------------------------------------------------------------------------------------------------


@pytest.mark.redis
@pytest.mark.postgres
async def test_clients_of_another_instance_are_reached_through_redis(
    postgres_url: str, redis_server: RedisService
) -> None:
    cache = {"adapter": "redis", "url": redis_server.url, "prefix": f"{postgres_url.rsplit('/', 1)[-1]}:"}
    async with serving(postgres_url, cache=cache) as here, serving(postgres_url, cache=cache) as there:
        async with wire(here.url) as near, wire(there.url) as far:
            await _join(far, "line-1")
            await here.adapter.send(outgoing("all", {"n": 1}))
            assert await near.event() == ["all", {"n": 1}]
            assert await far.event() == ["all", {"n": 1}]
            await here.adapter.send(outgoing("group:line-1/group", 2))
            await here.adapter.send(outgoing("user:local/user", 3))
            await here.adapter.send(outgoing(f"connection:{far.id}/one", [4], arguments="spread"))
            assert [await far.event() for _ in range(3)] == [["group", 2], ["user", 3], ["one", 4]]
            assert await near.event() == ["user", 3]
            for number in range(100):
                await here.adapter.send(outgoing("tick", number))
            assert [await far.event() for _ in range(100)] == [["tick", number] for number in range(100)]

            await here.adapter.send(outgoing("raw", b"\xff"))
            assert (await far.frame(), await far.frame()) == ('451-["raw",{"_placeholder":true,"num":0}]', r"bb'\xff'")

            ask = outgoing(f"connection:{far.id}/ask", 5, result="true")
            asking = asyncio.create_task(here.adapter.send(ask))
            number, question = await _asked(far)
            assert question == ["ask", 5]
            await far.text(f'43{number}[{{"six":6}}]')
            assert await asking == {"six": 6}
            asking = asyncio.create_task(here.adapter.send(ask))
            await _asked(far)
        with pytest.raises(Permanent, match="ended before it acknowledged"):
            await asking
        await eventually(lambda: not there.adapter.connections)
        with pytest.raises(Transient, match="no instance answers"):
            await here.adapter.send(ask)


@pytest.mark.redis
async def test_without_redis_sending_is_tried_again_and_goes_on_when_it_is_back(
    sqlite_url: str, own_redis: RedisService
) -> None:
    cache = {"adapter": "redis", "url": own_redis.url, "timeout": "300ms"}
    async with serving(sqlite_url, cache=cache) as hub, wire(hub.url) as client:
        await hub.adapter.send(outgoing("before"))
        assert await client.event() == ["before", None]
        await asyncio.to_thread(own_redis.kill9)
        with pytest.raises(Transient):
            await hub.adapter.send(outgoing("meanwhile"))
        await client.emit(1, "note", 1)
        assert (await client.answer(1))["ok"]
        await asyncio.to_thread(own_redis.start)
        await hub.adapter.send(outgoing("after"))
        assert await client.event() == ["after", None], "a try that failed must have reached nobody"

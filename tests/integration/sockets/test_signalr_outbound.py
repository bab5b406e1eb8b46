"""What the hub sends: to whom, in what order, with what answer; by one instance or by several."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hub.errors import HubError, Permanent, Transient
from tests.integration.sockets.rig import Rig, eventually, outgoing, serving
from tests.integration.sockets.wire import HANDSHAKE, RS, Wire, negotiate, session, wire
from tests.servers import RedisService


@pytest.fixture
async def hub(sqlite_url: str) -> AsyncIterator[Rig]:
    async with serving(sqlite_url, signalr={"result_timeout": "300ms"}) as rig:
        yield rig


@asynccontextmanager
async def named(hub: Rig) -> AsyncIterator[tuple[Wire, str]]:
    """A client, and its connection's id."""
    async with session() as made:
        told = await negotiate(made, hub.url)
        async with made.ws_connect(hub.url, params={"id": told["connectionToken"]}) as socket:
            client = Wire(socket)
            await client.text(HANDSHAKE)
            assert await client.heard() == {}
            yield client, told["connectionId"]


async def _heard(client: Wire) -> tuple[str, Any]:
    message = await client.heard()
    assert message["type"] == 1
    assert "invocationId" not in message
    return message["target"], message["arguments"]


async def test_only_those_who_are_meant_hear_it(hub: Rig) -> None:
    async with named(hub) as (first, first_id), named(hub) as (second, _):
        await first.call("1", "JoinGroup", "line-1")
        assert await first.heard() == {"type": 3, "invocationId": "1"}
        await hub.adapter.send(outgoing("group:line-1/a", 1))
        await hub.adapter.send(outgoing(f"connection:{first_id}/b", 2))
        await hub.adapter.send(outgoing("user:local/c", 3))
        await hub.adapter.send(outgoing("d", 4))
        assert [await _heard(first) for _ in "abcd"] == [("a", [1]), ("b", [2]), ("c", [3]), ("d", [4])]
        assert [await _heard(second) for _ in "cd"] == [("c", [3]), ("d", [4])]
        await first.call("2", "LeaveGroup", "line-1")
        await first.heard()
        await hub.adapter.send(outgoing("group:line-1/a", 5))
        await hub.adapter.send(outgoing("e", 6))
        assert await _heard(first) == ("e", [6])


async def test_nobody_there_is_done_and_one_who_is_gone_is_permanent(hub: Rig) -> None:
    async with named(hub) as (_, gone):
        pass
    await eventually(lambda: not hub.adapter.connections)
    for topic in ("all", "group:line-9/a", "user:nobody/a"):
        assert await hub.adapter.send(outgoing(topic)) is None
    for headers in ({}, {"result": "true"}):
        with pytest.raises(Permanent, match="gone"):
            await hub.adapter.send(outgoing(f"connection:{gone}/a", **headers))
    with pytest.raises(Permanent, match="one connection"):
        await hub.adapter.send(outgoing("all", result="true"))


async def test_an_answer_is_the_result_an_error_is_permanent_and_silence_is_tried_again(hub: Rig) -> None:
    async with named(hub) as (client, id):
        asked = outgoing(f"connection:{id}/ask", {"n": 1}, result="true")
        cases: list[tuple[dict[str, Any] | None, Any]] = [
            ({"result": {"yes": 1}}, {"yes": 1}),
            ({"result": None}, None),
            ({}, None),
            ({"error": "no idea"}, Permanent),
            (None, Transient),
        ]
        for answer, expected in cases:
            asking = asyncio.create_task(hub.adapter.send(asked))
            question = await client.heard()
            assert (question["target"], question["arguments"]) == ("ask", [{"n": 1}])
            if answer is not None:
                await client.say({"type": 3, "invocationId": question["invocationId"], **answer})
            if isinstance(expected, type):
                with pytest.raises(expected):
                    await asking
            else:
                assert await asking == expected
        asking = asyncio.create_task(hub.adapter.send(asked))
        await client.heard()
    with pytest.raises(HubError, match="ended before it answered"):
        await asking


async def test_what_messagepack_cannot_say_is_permanent(hub: Rig) -> None:
    async with wire(hub.url, shake=False) as client:
        await client.text('{"protocol":"messagepack","version":1}' + RS)
        await client.socket.receive_bytes()
        with pytest.raises(Permanent, match="messagepack"):
            await hub.adapter.send(outgoing("all", 2**70))


# --- several instances ------------------------------------------------------------------------------------------------


@pytest.mark.redis
@pytest.mark.postgres
async def test_clients_of_another_instance_are_reached_through_redis(
    postgres_url: str, redis_server: RedisService
) -> None:
    cache = {"adapter": "redis", "url": redis_server.url, "prefix": f"{postgres_url.rsplit('/', 1)[-1]}:"}
    async with serving(postgres_url, cache=cache) as here, serving(postgres_url, cache=cache) as there:
        async with named(here) as (near, _), named(there) as (far, far_id):
            await far.call("1", "JoinGroup", "line-1")
            await far.heard()
            await here.adapter.send(outgoing("all", {"n": 1}))
            assert await _heard(near) == ("all", [{"n": 1}])
            assert await _heard(far) == ("all", [{"n": 1}])
            await here.adapter.send(outgoing("group:line-1/group", 2))
            await here.adapter.send(outgoing("user:local/user", 3))
            await here.adapter.send(outgoing(f"connection:{far_id}/one", [4], arguments="spread"))
            assert [await _heard(far) for _ in range(3)] == [("group", [2]), ("user", [3]), ("one", [4])]
            assert await _heard(near) == ("user", [3])

            asking = asyncio.create_task(here.adapter.send(outgoing(f"connection:{far_id}/ask", 5, result="true")))
            question = await far.heard()
            await far.say({"type": 3, "invocationId": question["invocationId"], "result": {"six": 6}})
            assert await asking == {"six": 6}
            asking = asyncio.create_task(here.adapter.send(outgoing(f"connection:{far_id}/ask", 5, result="true")))
            question = await far.heard()
            await far.say({"type": 3, "invocationId": question["invocationId"], "error": "no"})
            with pytest.raises(Permanent, match="with an error: no"):
                await asking
        await eventually(lambda: not there.adapter.connections)
        with pytest.raises(Transient, match="no instance answers"):
            await here.adapter.send(outgoing(f"connection:{far_id}/one"))


@pytest.mark.redis
async def test_without_redis_sending_is_tried_again_and_goes_on_when_it_is_back(
    sqlite_url: str, own_redis: RedisService
) -> None:
    cache = {"adapter": "redis", "url": own_redis.url, "timeout": "300ms"}
    async with serving(sqlite_url, cache=cache) as hub, named(hub) as (client, _):
        await hub.adapter.send(outgoing("before"))
        assert (await _heard(client))[0] == "before"
        await asyncio.to_thread(own_redis.kill9)
        with pytest.raises(Transient):
            await hub.adapter.send(outgoing("meanwhile"))
        await client.call("1", "note", 1)
        assert (await client.heard())["result"]["job_id"]
        await asyncio.to_thread(own_redis.start)
        await hub.adapter.send(outgoing("after"))
        assert (await _heard(client))[0] == "after", "a try that failed must have reached nobody"

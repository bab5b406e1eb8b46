"""Who may connect, from which pages, and what a token's role lets a client do; and a second client, in Python."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import socketio

from tests.integration.sockets.engineio_wire import handshake, session, wire
from tests.integration.sockets.rig import eventually
from tests.integration.sockets.socketio_rig import Rig, outgoing, serving

PAGE = "https://shop.example"
AUTH = {
    "tokens": [
        {"name": name, "role": name, "sha256": hashlib.sha256(f"token-of-{name}".encode()).hexdigest()}
        for name in ("viewer", "operator")
    ]
}


@pytest.fixture
async def hub(sqlite_url: str) -> AsyncIterator[Rig]:
    async with serving(sqlite_url, auth=AUTH, allowed_origins=[PAGE]) as rig:
        yield rig


def _bearer(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token-of-{role}"}


@pytest.mark.parametrize(
    "connect", ["40", '40{"token":"nobody"}', '40{"token":7}', '40{"token":null}', '40{"token":"' + "x" * 5000 + '"}']
)
async def test_nobody_is_let_in_without_a_token_and_hears_nothing(hub: Rig, connect: str) -> None:
    async with wire(hub.url, connect=None) as client:
        await client.text(connect)
        assert await client.frame() == (
            '44{"message":"this needs a token that is known","data":{"code":"unauthorized"}}'
        )
        await hub.adapter.send(outgoing("news", 1))
        with pytest.raises(TimeoutError):
            await client.frame(patience=0.05)
        await client.text('42["note",1]')
        await client.gone()
    assert await hub.rows() == []


async def test_a_wrong_token_ends_at_the_door(hub: Rig) -> None:
    async with session(headers=_bearer("nobody")) as made:
        for method, query in (("GET", ""), ("GET", "&sid=x"), ("POST", "&sid=x")):
            url = f"{hub.url}/socket.io/?EIO=4&transport=polling{query}"
            async with made.request(method, url) as answer:
                assert answer.status == 401
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with wire(hub.url, headers=_bearer("nobody")):
            pass
    assert refused.value.status == 401
    assert hub.adapter.connections == 0


async def test_a_viewer_listens_and_may_not_emit(hub: Rig) -> None:
    async with wire(hub.url, headers=_bearer("viewer")) as client:
        await client.emit(1, "note", 1)
        answer = await client.answer(1)
        assert (answer["ok"], answer["code"]) == (False, "forbidden")
        await client.emit(2, "join", "line-1")
        assert await client.answer(2) == {"ok": True}
        await hub.adapter.send(outgoing("group:line-1/news", 7))
        assert await client.event() == ["news", 7]
    assert await hub.rows() == []


async def test_a_session_works_for_who_opened_it(hub: Rig) -> None:
    async with session() as made:
        async with made.get(f"{hub.url}/socket.io/?EIO=4&transport=polling", headers=_bearer("viewer")) as answer:
            sid = (await answer.json(content_type=None, loads=lambda text: __import__("json").loads(text[1:])))["sid"]
        url = f"{hub.url}/socket.io/?EIO=4&transport=polling&sid={sid}"
        for method in ("GET", "POST"):
            async with made.request(method, url, headers=_bearer("operator"), data=b"40") as answer:
                assert answer.status == 403


async def test_pages_of_other_origins_are_listed_or_refused(hub: Rig) -> None:
    url = f"{hub.url}/socket.io/?EIO=4&transport=polling"
    evil = {"Origin": "https://evil.example"}
    async with session() as made:
        async with made.get(url, headers={"Origin": PAGE}) as answer:
            assert answer.status == 200
            assert answer.headers["Access-Control-Allow-Origin"] == PAGE
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        async with made.options(url, headers={"Origin": PAGE, **asking}) as answer:
            assert answer.status == 204
            assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        async with made.get(url, headers=evil) as answer:
            assert answer.status == 403
            assert "Access-Control-Allow-Origin" not in answer.headers
        address = await handshake(made, hub.url)
        async with made.post(address, data="40", headers=evil) as answer:
            assert answer.status == 403
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with wire(hub.url, headers=evil):
            pass
    assert refused.value.status == 403


async def test_the_python_client_is_served_as_well(hub: Rig) -> None:
    heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
    async with socketio.AsyncSimpleClient() as client:
        await client.connect(hub.url, auth={"token": "token-of-operator"})
        answer = await client.call("note", {"from": "python", "bytes": b"\x00\xff"})
        assert answer["ok"] is True
        assert (await hub.harness.wait(answer["job_id"]))["statusid"] == 3
        await hub.adapter.send(outgoing("user:operator/news", {"n": 1}))
        event, *arguments = await client.receive(timeout=30)
        heard.put_nowait((event, arguments))
    assert heard.get_nowait() == ("news", [{"n": 1}])
    assert await hub.payloads() == [{"from": "python", "bytes": "AP8="}]
    await eventually(lambda: not hub.adapter.connections)

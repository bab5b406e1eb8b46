"""Who may connect, from which pages, and what a token's role lets a client do; no token shows anywhere."""

import hashlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.integration.sockets.rig import Rig, run, serving
from tests.integration.sockets.wire import HANDSHAKE, Wire, negotiate, session, wire

CANARY = "canary-5d1f"
PAGE = "https://shop.example"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


AUTH = {
    "tokens": [
        {"name": "eye", "role": "viewer", "sha256": _digest(f"{CANARY}-viewer")},
        {"name": "hand", "role": "operator", "sha256": _digest(f"{CANARY}-operator")},
    ]
}


def _bearer(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {CANARY}-{role}"}


@pytest.fixture
async def hub(sqlite_url: str) -> AsyncIterator[Rig]:
    async with serving(sqlite_url, auth=AUTH, allowed_origins=[PAGE]) as rig:
        yield rig


async def _status(method: str, url: str, **options: Any) -> int:
    async with session() as made, made.request(method, url, **options) as answer:
        return answer.status


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nobody"}, {"Authorization": "Basic eDp5"}])
async def test_nobody_gets_in_without_a_token(hub: Rig, headers: dict[str, str]) -> None:
    assert await _status("POST", f"{hub.url}/negotiate?negotiateVersion=1", headers=headers) == 401
    assert await _status("POST", f"{hub.url}/negotiate?access_token={'x' * 5000}", headers=headers) == 401
    for method in ("GET", "POST", "DELETE"):
        assert await _status(method, f"{hub.url}?id=1", headers=headers) == 401
    async with session() as made:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await made.ws_connect(hub.url, headers=headers)
        assert refused.value.status == 401
    assert hub.adapter.connections == 0


@pytest.mark.node
@pytest.mark.parametrize("transport", ["WebSockets", "ServerSentEvents", "LongPolling"])
async def test_the_npm_client_brings_its_token_on_every_transport(
    hub: Rig, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        environment = {"HUB_TEST_TOKEN": f"{CANARY}-operator", "HUB_TEST_USER": "hand"}
        assert await run(hub.url, transport, "json", "invoke", "everybody", **environment) == ["invoke", "everybody"]
    assert CANARY not in caplog.text
    rows = [await hub.hub.records.job(row["id"]) for row in await hub.rows()]
    assert CANARY not in repr(rows)
    calls = [row for row in rows if row and row["direction"] == "inbound"]
    assert {row["metadata"]["headers"]["signalr-user"] for row in calls} == {"hand"}


async def test_a_viewer_listens_and_may_not_call(hub: Rig) -> None:
    async with session(headers=_bearer("viewer")) as made, made.ws_connect(hub.url) as socket:
        client = Wire(socket)
        await client.text(HANDSHAKE)
        assert await client.heard() == {}
        await client.call("1", "note", 1)
        assert "operator" in (await client.heard())["error"]
        await client.call("2", "JoinGroup", "line-1")
        assert await client.heard() == {"type": 3, "invocationId": "2"}
        await hub.hub.enqueue("publish", 7, metadata={"to": "live", "topic": "group:line-1/news"})
        assert (await client.heard())["arguments"] == [7]
    assert await hub.rows(handler="note.keep") == []


async def test_a_connection_belongs_to_who_negotiated_it(hub: Rig) -> None:
    async with session() as made:
        token = (await negotiate(made, hub.url, headers=_bearer("viewer")))["connectionToken"]
        for method in ("GET", "POST", "DELETE"):
            async with made.request(method, hub.url, params={"id": token}, headers=_bearer("operator")) as answer:
                assert answer.status == 403


async def test_a_browser_that_cannot_set_headers_says_its_token_in_the_query(hub: Rig) -> None:
    async with wire(f"{hub.url}?access_token={CANARY}-operator") as client:
        await client.call("1", "note", 1)
        assert (await client.heard())["result"]["job_id"]


async def test_pages_of_other_origins_are_listed_or_refused(hub: Rig) -> None:
    url = f"{hub.url}/negotiate?negotiateVersion=1"
    preflight = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-requested-with,x-signalr-user-agent",
    }
    async with session() as made:
        async with made.options(url, headers={"Origin": PAGE, **preflight}) as answer:
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Origin"] == PAGE
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"
            assert "x-signalr-user-agent" in answer.headers["Access-Control-Allow-Headers"]
            assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        async with made.post(url, headers={"Origin": PAGE, **_bearer("operator")}) as answer:
            assert answer.status == 200
            assert answer.headers["Access-Control-Allow-Origin"] == PAGE
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        for headers in ({}, preflight):
            async with made.options(url, headers={"Origin": "https://evil.example", **headers}) as answer:
                assert answer.status == 403
                assert "Access-Control-Allow-Origin" not in answer.headers
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await made.ws_connect(hub.url, headers={"Origin": "https://evil.example", **_bearer("operator")})
        assert refused.value.status == 403
    assert await _status("OPTIONS", url) in (403, 405)

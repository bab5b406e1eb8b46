"""The real socket.io-client against a whole hub, by WebSocket, by polling, and by the one after the other."""

import asyncio
import base64
import hashlib
import json
import logging
from collections.abc import AsyncIterator

import pytest

from tests.integration.sockets.rig import eventually
from tests.integration.sockets.socketio_rig import Rig, node, run, serving
from tests.servers import Proxy

pytestmark = pytest.mark.node

WAYS = ["websocket", "polling", "upgrade"]
STEPS = ["emit", "order", "unknown", "binary", "rooms", "everybody", "ask", "namespaces"]
CANARY = "canary-9e2c"
AUTH = {
    "tokens": [
        {"name": "eye", "role": "viewer", "sha256": hashlib.sha256(f"{CANARY}-viewer".encode()).hexdigest()},
        {"name": "hand", "role": "operator", "sha256": hashlib.sha256(f"{CANARY}-operator".encode()).hexdigest()},
    ]
}


@pytest.fixture
async def hub(sqlite_url: str) -> AsyncIterator[Rig]:
    async with serving(sqlite_url) as rig:
        yield rig


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


@pytest.mark.parametrize("transport", WAYS)
async def test_a_client_gets_all_that_the_protocol_has(hub: Rig, transport: str) -> None:
    assert await run(hub.url, transport, *[step for step in STEPS if step != "order"]) == [
        step for step in STEPS if step != "order"
    ]
    notes = await hub.payloads()
    assert notes[:4] == [
        {"step": "emit", "id": 1},
        [{"id": 2, "text": "größer \u2028 \U0001f600", "big": 1e300}, [1, None], "x"],
        {"key": "same"},
        [],
    ]
    assert {"step": "binary", "bytes": _text(b"\0\1\xfe\xff"), "list": [_text(b"two"), 3]} in notes
    assert _text(b"alone") in notes
    rows = await hub.jobs(handler="note.keep")
    assert {(row["protocol"], row["method"]) for row in rows} == {("socketio", "emit")}
    headers = [row["metadata"]["headers"] for row in rows]
    assert {header["socketio-user"] for header in headers} == {"local"}
    assert {header["socketio-namespace"] for header in headers} == {"/", "/orders"}
    assert {header.get("socketio-attachments") for header in headers} == {None, "1", "2"}
    assert all(header["socketio-sid"] for header in headers)
    sent = {row["metadata"]["topic"].partition("/")[2]: row for row in await hub.jobs(handler="publish")}
    assert {row["statusid"] for row in sent.values()} == {3}
    assert json.loads(sent["add"]["result"])["answer"] == {"sum": 5}
    if transport == "websocket":  # the end of a process that polls is no word of good-bye
        await eventually(lambda: not hub.adapter.connections)


@pytest.mark.parametrize("transport", WAYS)
async def test_200_emits_at_once_arrive_in_their_order(hub: Rig, transport: str) -> None:
    assert await run(hub.url, transport, "order") == ["order"]
    assert [note["id"] for note in await hub.payloads()] == list(range(200))


@pytest.mark.parametrize("transport", WAYS)
async def test_a_message_larger_than_allowed_ends_its_connection_only(hub: Rig, transport: str) -> None:
    assert await run(hub.url, transport, "largest", "large") == ["largest", "large"]
    assert await run(hub.url, transport, "unknown") == ["unknown"]


@pytest.mark.parametrize("by", ["auth", "header", "query"])
@pytest.mark.parametrize("transport", WAYS)
async def test_a_token_is_brought_in_each_way(
    sqlite_url: str, transport: str, by: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(sqlite_url, auth=AUTH, socketio={"handshake_timeout": "3s"}) as hub:
        with caplog.at_level(logging.DEBUG):
            environment = {"HUB_TEST_BY": by, "HUB_TEST_USER": "hand"}
            token = {"HUB_TEST_TOKEN": f"{CANARY}-operator"}
            assert await run(hub.url, transport, "everybody", **token, **environment) == ["everybody"]
            for wrong in ("", f"{CANARY}-wrong"):
                async with node(hub.url, transport, ["refused"], HUB_TEST_TOKEN=wrong, **environment) as script:
                    assert await script.finish() == ["refused"]
                if by == "auth" or not wrong:
                    assert script.said[0]["code"] == "unauthorized"
            rows = await hub.rows()
        assert CANARY not in caplog.text
        assert CANARY not in repr(rows)
        assert {row["metadata"]["headers"]["socketio-user"] for row in rows if row["handler"] == "say.publish"} == {
            "hand"
        }
        if transport == "websocket":
            await eventually(lambda: not hub.adapter.connections)


async def _cut(proxy: Proxy) -> None:
    """A poll may be between two connections: until the client feels it."""
    while True:
        proxy.cut()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("transport", WAYS)
async def test_a_cut_connection_comes_again_and_loses_nothing(hub: Rig, transport: str) -> None:
    async with (
        Proxy.before(hub.url) as proxy,
        node(proxy.url_through(hub.url), transport, ["cut"]) as script,
        asyncio.timeout(60),
    ):
        while (line := await script.line()) is not None:
            if "cut" in line:
                cutting = asyncio.create_task(_cut(proxy))
            elif "down" in line:
                cutting.cancel()
        assert script.said[-1] == {"step": "cut", "ok": True}
    assert sorted(note["key"] for note in await hub.payloads()) == sorted(f"cut-{n}" for n in range(30))


@pytest.mark.parametrize("transport", WAYS)
async def test_clients_are_told_when_the_hub_stops(sqlite_url: str, transport: str) -> None:
    async with serving(sqlite_url) as hub, node(hub.url, transport, ["goodbye"]) as script:
        while "waiting" not in (await script.line() or {}):
            pass
        assert hub.adapter.connections == 1
        async with asyncio.timeout(20):
            await hub.hub.stop()
        assert hub.adapter.connections == 0
        assert await script.finish() == ["goodbye"]
        [closed] = [line["closed"] for line in script.said if "closed" in line]
        assert closed.startswith("transport")

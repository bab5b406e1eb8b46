"""The real @microsoft/signalr client against a whole hub, on every transport and with every protocol it has."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from tests.integration.sockets.rig import STEPS, WAYS, NodeFailed, Rig, node, run, serving
from tests.servers import Proxy

pytestmark = pytest.mark.node


@pytest.fixture
async def hub(sqlite_url: str) -> AsyncIterator[Rig]:
    async with serving(sqlite_url) as rig:
        yield rig


@pytest.mark.parametrize(("transport", "protocol"), WAYS)
async def test_a_client_gets_all_that_the_protocol_has(hub: Rig, transport: str, protocol: str) -> None:
    assert await run(hub.url, transport, protocol, *STEPS) == STEPS
    notes = [payload for payload in await hub.payloads() if not isinstance(payload, dict) or "sleep" not in payload]
    assert notes[:3] == [
        {"step": "invoke", "id": 1},
        [{"step": "invoke", "id": 2, "text": "größer \u2028 \U0001f600"}, [1, None], "x"],
        {"key": "same"},
    ]
    assert [note["id"] for note in notes if isinstance(note, dict) and note.get("step") == "send"] == list(range(51))
    assert [{"step": "upload"}, [{"n": n} for n in range(5)]] in notes
    sent = {row["metadata"]["topic"].partition("/")[2]: row for row in await hub.jobs(handler="publish")}
    assert {row["statusid"] for row in sent.values()} == {3}
    assert json.loads(sent["add"]["result"])["answer"] == {"sum": 5}
    first = await hub.harness.wait((await hub.rows(handler="note.keep"))[0]["id"])
    headers = first["metadata"]["headers"]
    assert headers["signalr-user"] == "local"
    assert headers["signalr-arguments"] == "1"
    assert (first["protocol"], first["method"]) == ("signalr", "invoke")
    assert hub.adapter.connections == 0


async def test_messagepack_cannot_go_by_server_sent_events(hub: Rig) -> None:
    with pytest.raises(NodeFailed, match=r"does not support .*Binary|Binary"):
        await run(hub.url, "ServerSentEvents", "messagepack", "invoke")
    assert await hub.payloads() == []


async def test_a_websocket_needs_no_negotiation(hub: Rig) -> None:
    assert await run(hub.url, "WebSockets", "json", "skip", "invoke") == ["invoke"]


@pytest.mark.parametrize(("transport", "protocol"), WAYS)
async def test_33_kib_are_too_much_by_default(hub: Rig, transport: str, protocol: str) -> None:
    assert await run(hub.url, transport, protocol, "invoke", "large") == ["invoke", "large"]
    assert await run(hub.url, transport, protocol, "send") == ["send"]


@pytest.mark.parametrize(("transport", "protocol"), WAYS)
async def test_33_kib_are_served_where_the_limit_is_higher(sqlite_url: str, transport: str, protocol: str) -> None:
    async with serving(sqlite_url, signalr={"max_message": "64KiB"}) as hub:
        assert await run(hub.url, transport, protocol, "largeEnough") == ["largeEnough"]


@pytest.mark.parametrize("protocol", ["json", "messagepack"])
async def test_a_cut_connection_loses_nothing_and_repeats_nothing(hub: Rig, protocol: str) -> None:
    async with (
        Proxy.before(hub.url) as proxy,
        node(proxy.url_through(hub.url), "WebSockets", protocol, ["cut"]) as script,
    ):
        async with asyncio.timeout(60):
            while (line := await script.line()) is not None:
                if "cut" in line:
                    assert proxy.cut() >= 1
                    await script.tell("cut")
        assert script.said[-1] == {"step": "cut", "ok": True}
        assert sum("cut" in line for line in script.said) == 3
    said = await hub.jobs(handler="say.publish")
    assert len(said) == 31, "an invocation was lost, or taken twice"


@pytest.mark.parametrize(("transport", "protocol"), WAYS)
async def test_clients_are_told_when_the_hub_stops(sqlite_url: str, transport: str, protocol: str) -> None:
    async with serving(sqlite_url) as hub, node(hub.url, transport, protocol, ["goodbye"]) as script:
        while "waiting" not in (await script.line() or {}):
            pass
        async with asyncio.timeout(20):
            await hub.hub.stop()
        assert await script.finish() == ["goodbye"]
        [closed] = [line["closed"] for line in script.said if "closed" in line]
        assert "The server is closing." in closed

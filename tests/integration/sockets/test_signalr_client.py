"""The hub as a client: of another hub's SignalR server, and of servers that redirect, refuse and hang up."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from hub import Hub
from hub.config import build
from hub.testing import HubHarness
from tests.integration.sockets.rig import Rig, eventually, keep, outgoing, serving
from tests.integration.sockets.wire import RS
from tests.servers import Proxy

TOKEN = "canary-71"


class Near:
    """The hub that is the client."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.harness = HubHarness(hub)

    @property
    def state(self) -> Any:
        return self.hub.supervisor.states["erp"]

    async def connected(self) -> None:
        await eventually(lambda: self.state.state == "connected", timeout=30)

    async def taken(self, count: int) -> list[Any]:
        """The payloads of the calls that became jobs, once there are so many."""
        async with asyncio.timeout(15):
            while True:
                rows, _ = await self.hub.records.jobs(handler="note.keep", limit=200)
                if len(rows) >= count:
                    break
                await asyncio.sleep(0.02)
        found = [await self.harness.wait(row["id"]) for row in sorted(rows, key=lambda row: row["id"])]
        return [json.loads(row["payload"]) for row in found]

    async def publish(self, topic: str, payload: Any, **headers: str) -> dict[str, Any]:
        """The row of a message that was sent, once it has ended."""
        metadata = {"to": "erp", "topic": topic, "headers": {f"signalr-{key}": text for key, text in headers.items()}}
        return await self.harness.wait(await self.hub.enqueue("publish", payload, metadata=metadata, max_retries=0))


@asynccontextmanager
async def near(folder: Path, url: str, **settings: Any) -> AsyncIterator[Near]:
    configuration = build(
        {
            "jobs": {"enabled": True, "workers": 8, "poll_interval": "50ms", "shutdown_timeout": "500ms"},
            "http": {"port": 0},
            "adapters": {"erp": {"type": "signalr-client", "url": url, "timeout": "2s", **settings}},
            "routes": [{"name": "orders", "from": "erp", "topic": "orderPlaced", "handler": "note.keep"}],
        },
        {"DATABASE_URL": f"sqlite:///{folder / 'near.db'}", "ERP_TOKEN": TOKEN},
    )
    async with Hub(configuration, handlers=[keep]) as hub:
        yield Near(hub)


@pytest.fixture
async def far(sqlite_url: str) -> AsyncIterator[Rig]:
    async with serving(sqlite_url) as rig:
        yield rig


@pytest.mark.parametrize("protocol", ["json", "messagepack"])
async def test_calls_come_in_and_invocations_go_out(far: Rig, tmp_path: Path, protocol: str) -> None:
    greetings = [{"target": "JoinGroup", "arguments": ["line-7"]}]
    async with near(tmp_path, far.url, protocol=protocol, greetings=greetings) as hub:
        await hub.connected()
        await far.adapter.send(outgoing("orderPlaced", {"id": 1}))
        await far.adapter.send(outgoing("group:line-7/ORDERPLACED", [2, "two"], arguments="spread"))
        await far.adapter.send(outgoing("somethingElse", 3))
        await far.adapter.send(outgoing("orderPlaced", 4))
        assert await hub.taken(3) == [{"id": 1}, [2, "two"], 4]
        row = (await hub.hub.records.jobs(handler="note.keep"))[0][0]
        job = await hub.hub.records.job(row["id"])
        assert job is not None
        assert (job["protocol"], job["metadata"]["topic"]) == ("signalr-client", "orderPlaced")

        sent = await hub.publish("note", {"from": "near"})
        assert sent["statusid"] == 3
        answer = json.loads(sent["result"])["answer"]
        assert answer["job_id"] == (await far.jobs(handler="note.keep"))[0]["id"]
        assert await far.payloads() == [{"from": "near"}]
        unknown = await hub.publish("nowhere", 1)
        assert (unknown["statusid"], unknown["failure"]) == (4, "permanent")
        assert "Unknown hub method" in unknown["lasterror"]


async def test_a_server_that_waits_for_a_call_hears_after_the_commit(far: Rig, tmp_path: Path) -> None:
    async with near(tmp_path, far.url) as hub:
        await hub.connected()
        [connection] = far.adapter._registry.all()
        asked = f"connection:{connection.id}"
        assert await far.adapter.send(outgoing(f"{asked}/orderPlaced", 1, result="true")) == {"accepted": True}
        assert await hub.taken(1) == [1]
        with pytest.raises(Exception, match="No route reads 'nothing'"):
            await far.adapter.send(outgoing(f"{asked}/nothing", 1, result="true"))


async def test_it_comes_back_after_a_cut_and_a_restart(far: Rig, tmp_path: Path) -> None:
    async with Proxy.before(far.url) as proxy, near(tmp_path, proxy.url_through(far.url)) as hub:
        await hub.connected()
        for n in range(3):
            await eventually(lambda: far.adapter.connections == 1, timeout=30)
            await far.adapter.send(outgoing("orderPlaced", n))
            assert await hub.taken(n + 1) == list(range(n + 1))
            before = proxy.accepted
            proxy.cut()
            await eventually(partial(_more, proxy, before), timeout=30)
            await hub.connected()
        assert (await hub.publish("note", "after"))["statusid"] == 3


def _more(proxy: Proxy, than: int) -> bool:
    return proxy.accepted > than


async def test_a_burst_arrives_whole_and_in_order(far: Rig, tmp_path: Path) -> None:
    async with near(tmp_path, far.url, inbox=20) as hub:
        await hub.connected()
        for n in range(150):
            await far.adapter.send(outgoing("orderPlaced", n))
        assert await hub.taken(150) == list(range(150))


# --- servers of other kinds ------------------------------------------------------------------------------------------


@asynccontextmanager
async def _served(application: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_it_follows_the_redirect_of_a_negotiation_with_its_token(far: Rig, tmp_path: Path) -> None:
    seen: list[str | None] = []

    async def redirect(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.json_response({"url": f"{far.url}?asrs=1", "accessToken": "second"})

    application = web.Application()
    application.router.add_post("/hub/negotiate", redirect)
    async with _served(application) as address, near(tmp_path, f"{address}/hub", token="${env:ERP_TOKEN}") as hub:
        await hub.connected()
        assert seen == [f"Bearer {TOKEN}"]
        await far.adapter.send(outgoing("orderPlaced", 1))
        assert await hub.taken(1) == [1]


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ("{}", 200, "offers no WebSockets"),
        ('{"error": "too many"}', 200, "too many"),
        ("<html>", 200, "no SignalR server"),
        ("", 401, "token"),
        ("", 404, "url"),
        ("", 503, "503"),
    ],
)
async def test_what_is_wrong_with_a_server_is_on_view(tmp_path: Path, answer: str, status: int, said: str) -> None:
    async def negotiate(request: web.Request) -> web.Response:
        return web.Response(text=answer, status=status)

    application = web.Application()
    application.router.add_post("/hub/negotiate", negotiate)
    async with _served(application) as address, near(tmp_path, f"{address}/hub", token="${env:ERP_TOKEN}") as hub:
        await eventually(lambda: bool(hub.state.last_error), timeout=30)
        assert said in hub.state.last_error
        assert TOKEN not in hub.state.last_error


@pytest.mark.parametrize(
    "words",
    [
        ['{"error":"not you"}' + RS],
        ['{"type":6}' + RS],
        ["nonsense" + RS],
        ["{}" + RS, "nonsense" + RS],
        ["{}" + RS, "x" * 5000],
        ["{}" + RS, '{"type":7,"error":"bye"}' + RS],
    ],
)
async def test_a_server_that_talks_nonsense_is_left_and_tried_again(tmp_path: Path, words: list[str]) -> None:
    connections = 0

    async def serve(request: web.Request) -> web.WebSocketResponse:
        nonlocal connections
        connections += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        for text in words:
            await socket.send_str(text)
        await socket.receive()
        return socket

    application = web.Application()
    application.router.add_get("/hub", serve)
    options = {"negotiate": False, "max_message": "4KiB"}
    async with _served(application) as address, near(tmp_path, f"{address}/hub", **options) as hub:
        await eventually(lambda: connections >= 2, timeout=30)
        assert hub.state.last_error
